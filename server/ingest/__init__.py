"""Accept once: what a gateway sent becomes rows in one transaction, then the acknowledgement."""
