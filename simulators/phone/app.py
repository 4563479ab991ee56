"""The telephone network as a web application: the provider's API, the control API and a page for people."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from simulators.phone import control, page, provider_api
from simulators.phone.network import Network


def create_app(network: Network) -> FastAPI:
    """An application that runs the network while it is served."""

    @asynccontextmanager
    async def running(app: FastAPI) -> AsyncIterator[None]:
        async with network.running():
            yield

    async def refused(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, provider_api.ProviderError)
        return error.response()

    app = FastAPI(title="Anhu simulated telephone network", docs_url=None, redoc_url=None, lifespan=running)
    app.state.network = network
    app.add_exception_handler(provider_api.ProviderError, refused)
    for router in (provider_api.accounts, provider_api.router, control.router, page.router):
        app.include_router(router)
    return app
