"""Names and circumstances from which the invented community is drawn. Nobody here exists."""

from typing import Any

COMMUNITIES = (
    ("360799001", "安和社区", "Anhe Community", "安和路"),
    ("360799002", "桂花社区", "Guihua Community", "桂花巷"),
    ("360799003", "老渡口社区", "Laodukou Community", "渡口街"),
    ("360799004", "青石村", "Qingshi Village", "青石村"),
)
"""Code, Chinese name, English name, street."""

SURNAMES = ["王", "李", "张", "刘", "陈", "杨", "黄", "赖", "钟", "谢", "曾", "廖", "郭", "邱", "温", "罗"]
WOMEN = ["桂兰", "秀英", "玉珍", "凤英", "素珍", "桂英", "冬秀", "菊香", "月娥", "春莲", "金凤", "淑华", "招娣", "兰香"]
MEN = ["建国", "福生", "德明", "长根", "水生", "志坚", "光荣", "石生", "文清", "炳南", "世荣", "有才", "金生"]
CHILDREN = ["芳", "伟", "丽华", "建军", "小红", "志勇", "海燕", "国强", "春梅", "晓东", "敏", "立新", "静", "永平"]

CONDITIONS = ["高血压", "2型糖尿病", "冠心病", "脑卒中后遗症", "慢阻肺", "骨质疏松", "膝关节炎", "白内障"]
MEDICINES = ["氨氯地平", "二甲双胍", "阿司匹林", "阿托伐他汀", "硝酸甘油", "缬沙坦"]
ALLERGIES = ["青霉素", "磺胺", "海鲜"]
NOTES = ["", "", "家中有狗。", "夜间常起夜，床边有扶手。", "门锁较紧，向上提再推。", "行走用助行器。"]
KEY_SAFES = ["", "", "邻居有备用钥匙。", "物业值班室存有钥匙。"]

WANG: dict[str, Any] = {
    "name": "王桂兰",
    "sex": "female",
    "born": "1943-02-11",
    "address": "安和路12号3单元201室",
    "language": "gan",
    "hearing": "poor",
    "categories": ["living_alone", "very_old"],
    "ability_level": 2,
    "health": {"conditions": ["高血压", "骨质疏松"], "medicines": ["氨氯地平"], "allergies": ["青霉素"]},
    "notes": "左髋置换过，跌倒后不要拉手臂扶起。",
    "key_safe": "邻居陈秀珍有备用钥匙（202室）。",
}
"""The old lady of the demonstration and the scenarios."""

DEVICES = (
    ("sos_bath", "卫生间拉绳", "Bathroom pull cord", "bathroom", "button", "Tuya TS0215A"),
    ("wristband", "手环", "Wristband", None, "wristband", "Anhu native"),
    ("fall_bedroom", "卧室跌倒雷达", "Bedroom fall radar", "bedroom", "fall_sensor", "HEIMAN HS2FD"),
    ("door_front", "入户门磁", "Front door contact", "hall", "slow_sensor", "Aqara MCCGQ11LM"),
    ("motion_hall", "门厅人体传感器", "Hall motion sensor", "hall", "slow_sensor", "Aqara RTCGQ11LM"),
)
"""Name on the gateway, Chinese, English, room, supervision class, model."""
