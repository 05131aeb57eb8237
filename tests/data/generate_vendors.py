#!/usr/bin/env python3
"""Writes vendors.csv, the sample import file: 560 invented vendors with the dirt that real exports have.

Nothing in it belongs to anyone. Company names are coined from syllables, e-mail domains are under `.example`
(RFC 2606) or are the Amazon SES mailbox simulator, phone numbers run on from 98765 00001, and PANs all begin with Z.
GSTINs have correct check characters, so only the rows listed in REJECTED are refused by the importer; three more
repeat a vendor code. Deterministic: the same seed writes the same bytes.

    python3 tests/data/generate_vendors.py
"""

import csv
import random
from pathlib import Path

SEED = 20260701
ROWS = 560
COLUMNS = [
    "vendor_code", "company_name", "contact_person_name", "email", "phone_number", "registered_address", "city",
    "state", "pin_code", "gst_number", "pan_number", "udyam_number", "supplier_type",
]
# state, GST code, Udyam letters, [(city, first three digits of its PIN codes)]
PLACES = [
    ("Maharashtra", "27", "MH", [("Pune", "411"), ("Nagpur", "440"), ("Nashik", "422"), ("Mumbai", "400")]),
    ("Gujarat", "24", "GJ", [("Rajkot", "360"), ("Surat", "395"), ("Ahmedabad", "380")]),
    ("Tamil Nadu", "33", "TN", [("Coimbatore", "641"), ("Hosur", "635"), ("Chennai", "600")]),
    ("Karnataka", "29", "KR", [("Bengaluru", "560"), ("Hubballi", "580"), ("Belagavi", "590")]),
    ("Telangana", "36", "TS", [("Hyderabad", "500"), ("Medak", "502")]),
    ("Andhra Pradesh", "37", "AP", [("Visakhapatnam", "530"), ("Vijayawada", "520")]),
    ("Delhi", "07", "DL", [("New Delhi", "110")]),
    ("Haryana", "06", "HR", [("Faridabad", "121"), ("Gurugram", "122")]),
    ("Punjab", "03", "PB", [("Ludhiana", "141"), ("Jalandhar", "144")]),
    ("Uttar Pradesh", "09", "UP", [("Kanpur", "208"), ("Noida", "201")]),
    ("West Bengal", "19", "WB", [("Howrah", "711"), ("Kolkata", "700")]),
    ("Rajasthan", "08", "RJ", [("Jaipur", "302"), ("Jodhpur", "342")]),
    ("Madhya Pradesh", "23", "MP", [("Indore", "452"), ("Bhopal", "462")]),
    ("Kerala", "32", "KL", [("Kochi", "682"), ("Palakkad", "678")]),
    ("Odisha", "21", "OD", [("Cuttack", "753"), ("Rourkela", "769")]),
    ("Jharkhand", "20", "JH", [("Jamshedpur", "831")]),
    ("Uttarakhand", "05", "UK", [("Haridwar", "249")]),
    ("Goa", "30", "GA", [("Verna", "403")]),
    ("Assam", "18", "AS", [("Guwahati", "781")]),
    ("Chhattisgarh", "22", "CG", [("Bhilai", "490")]),
]
SYLLABLES = ["zor", "vel", "mak", "tri", "nuv", "qual", "rish", "tand", "ber", "lux", "kav", "dhru", "yan", "pol", "siv", "mer"]
ENDINGS = ["ani", "extra", "ora", "ika", "umi", "entra", "ovar", "isto", "alia", "endo"]
TRADES = [
    ("Castings", "manufacturer"), ("Fasteners", "manufacturer"), ("Polymers", "manufacturer"), ("Textiles", "manufacturer"),
    ("Packaging", "manufacturer"), ("Machine Tools", "manufacturer"), ("Logistics", "service_provider"),
    ("Facility Services", "service_provider"), ("Software Services", "service_provider"), ("Traders", "trader"),
    ("Industrial Supplies", "trader"), ("Electricals", "manufacturer"),
]
# How a company is called and the fourth letter of its PAN.
KINDS = [("Pvt Ltd", "C"), ("Private Limited", "C"), ("LLP", "F"), ("& Co", "F"), ("Enterprises", "P"), ("Works", "P"), ("(HUF)", "H")]
FIRST_NAMES = ["Asha", "Ravi", "Meena", "Sunil", "Kavita", "Imran", "Joseph", "Harpreet", "Lakshmi", "Anil", "Farida", "Deepak"]
LAST_NAMES = ["Kumar", "Sharma", "Patel", "Singh", "Das", "Nair", "Rao", "Khan", "Thomas", "Gupta", "Reddy", "Joshi"]

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
NBSP = "\u00a0"


def check_character(body):
    total = 0
    for index, character in enumerate(body):
        product = ALPHABET.index(character) * (1 if index % 2 == 0 else 2)
        total += product // 36 + product % 36
    return ALPHABET[(36 - total % 36) % 36]


def gstin(state_code, pan, ordinal="1"):
    body = f"{state_code}{pan}{ordinal}Z"
    return body + check_character(body)


def wrong_check_character(number):
    return number[:14] + ALPHABET[(ALPHABET.index(number[14]) + 7) % 36]


def clean_vendor(random_, number, stem):
    """One vendor as it should be."""
    state, gst_code, letters, cities = random_.choice(PLACES)
    city, prefix = random_.choice(cities)
    trade, supplier_type = random_.choice(TRADES)
    suffix, holder = random_.choice(KINDS)
    pan = f"Z{random_.choice('ABCDEGKMN')}{random_.choice('ABCDEFGHJ')}{holder}{stem[0]}{number:04d}{random_.choice('ABCDEFGHKLMNPQR')}"
    has_gst = random_.random() < 0.9
    has_udyam = random_.random() < 0.6
    return {
        "vendor_code": f"V-{1000 + number}",
        "company_name": f"{stem} {trade} {suffix}",
        "contact_person_name": f"{random_.choice(FIRST_NAMES)} {random_.choice(LAST_NAMES)}",
        "email": f"{random_.choice(['accounts', 'info', 'sales', 'finance'])}@{stem.lower()}.example",
        "phone_number": f"98765{number:05d}",
        "registered_address": f"Plot {random_.randint(1, 400)}, Sample Industrial Estate",
        "city": city,
        "state": state,
        "pin_code": f"{prefix}{random_.randint(1, 99):03d}",
        "gst_number": gstin(gst_code, pan) if has_gst else "",
        "pan_number": pan,
        "udyam_number": f"UDYAM-{letters}-{random_.randint(1, 33):02d}-{number:07d}" if has_udyam else "",
        "supplier_type": supplier_type,
    }


# Each takes a clean vendor and spoils one thing in a way the importer puts right (some with a warning).
def spaced(number):
    return f"{number[:2]} {number[2:7]} {number[7:12]} {number[12:]}"


def phone_variant(pattern):
    def spoil(v):
        digits = v["phone_number"]
        v["phone_number"] = pattern.format(n=digits, a=digits[:5], b=digits[5:])
    return spoil


def put(column, value):
    def spoil(v):
        v[column] = value
    return spoil


def change(column, function):
    def spoil(v):
        if v[column]:
            v[column] = function(v[column])
    return spoil


def registered_elsewhere(v):
    other = "24" if v["state"] == "Maharashtra" else "27"
    v["gst_number"] = gstin(other, v["pan_number"])


def old_andhra(v):
    v.update(state="Andhra Pradesh", city="Vijayawada", pin_code="520010", gst_number=gstin("28", v["pan_number"]))


def pan_from_gstin(v):
    v.update(gst_number=gstin("27", v["pan_number"], "2"), pan_number="", state="Maharashtra", city="Pune", pin_code="411001")


REPAIRED = [
    (22, change("gst_number", str.lower)),
    (14, change("gst_number", spaced)),
    (8, change("gst_number", lambda g: f"{g[:2]}-{g[2:12]}-{g[12:]}")),
    (10, change("company_name", lambda n: n.replace(" ", NBSP, 1))),
    (10, change("company_name", lambda n: n + "   ")),
    (6, change("company_name", lambda n: "  " + n.replace(" ", "  "))),
    (3, change("company_name", lambda n: n.split(" (")[0] + ' "Unit II"')),
    (12, phone_variant("0{a} {b}")),
    (12, phone_variant("+91-{a}-{b}")),
    (6, phone_variant("91{n}")),
    (4, phone_variant("0091 {n}")),
    (4, phone_variant("(+91) {a} {b}")),
    (3, phone_variant("{n}.0")),
    (6, phone_variant("{n} / 98765 99999")),
    (3, phone_variant("020-24000000 / {n}")),
    (4, change("email", lambda e: f"{e}; second.{e}")),
    (3, change("email", lambda e: f"{e} / office.{e}")),
    (5, change("email", str.upper)),
    (5, change("email", lambda e: f" {e}{NBSP}")),
    (8, put("contact_person_name", "N/A")),
    (6, put("contact_person_name", "-")),
    (6, put("udyam_number", "NA")),
    (5, put("udyam_number", "nil")),
    (4, put("udyam_number", "MH26A0000001")),
    (6, change("udyam_number", lambda u: u.lower())),
    (6, change("udyam_number", lambda u: u.replace("-", ""))),
    (5, put("gst_number", NBSP)),
    (3, put("gst_number", "URP")),
    (3, put("pan_number", "PANNOTAVBL")),
    (8, pan_from_gstin),
    (6, change("pan_number", str.lower)),
    (8, change("registered_address", lambda a: f"{a},\nNear Sample Circle, Phase II")),
    (6, change("registered_address", lambda a: f'"Sample House", {a}, 2nd Floor')),
    (8, change("pin_code", lambda p: f"{p[:3]} {p[3:]}")),
    (4, put("pin_code", "799001")),
    (6, change("state", str.upper)),
    (4, lambda v: v.update(state="Orissa", city="Cuttack", pin_code="753001", gst_number=gstin("21", v["pan_number"]))),
    (4, lambda v: v.update(state="MH", city="Pune", pin_code="411002", gst_number=gstin("27", v["pan_number"]))),
    (3, lambda v: v.update(state="27-Maharashtra", city="Nagpur", pin_code="440001", gst_number=gstin("27", v["pan_number"]))),
    (5, registered_elsewhere),
    (2, old_andhra),
    (3, put("city", "")),
    (10, put("email", "")),
]

# Each spoils one thing beyond repair.
REJECTED = [
    (2, put("phone_number", "-9876543119")),
    (2, put("phone_number", "9.87654E+09")),
    (1, put("phone_number", "022-24000000")),
    (4, lambda v: v.update(gst_number=wrong_check_character(gstin("27", v["pan_number"])))),
    (2, lambda v: v.update(gst_number=gstin("27", v["pan_number"])[:14])),
    (1, lambda v: v.update(gst_number=gstin("47", v["pan_number"]))),
    (1, put("pin_code", "41101")),
    (1, put("pin_code", "011001")),
    (1, put("pin_code", "4110011")),
    (2, put("company_name", " ")),
    (1, put("vendor_code", "")),
    (3, change("email", lambda e: e.replace("@", ".at."))),
    (1, change("email", lambda e: e.replace("@", " @"))),
    (1, lambda v: v.update(gst_number="", pan_number=v["pan_number"][:3] + "X" + v["pan_number"][4:])),
    (1, lambda v: v.update(gst_number=gstin("27", "ZAACZ9999A"))),
    (1, put("udyam_number", "UDYAM-MH-26-12345")),
    (1, put("state", "Maharashtar")),
]

# Amazon SES mailbox simulator, what each mailbox does with a message, and how many vendors get it. One complaint: two
# among so few vendors would halt a campaign.
SIMULATOR = [("bounce", 8), ("complaint", 1), ("success", 2), ("suppressionlist", 2), ("ooto", 2), ("success", 4)]


def generate():
    random_ = random.Random(SEED)
    stems = sorted({f"{a}{b}{c}".capitalize() for a in SYLLABLES for b in ["", *SYLLABLES] for c in ENDINGS if a != b})
    stems = random_.sample(stems, ROWS)
    vendors = [clean_vendor(random_, number + 1, stem) for number, stem in enumerate(stems)]

    # Every row is spoilt at most once, so that what a row shows is one thing.
    untouched = random_.sample(range(len(vendors)), len(vendors))
    for times, spoil in REPAIRED + REJECTED:
        for _ in range(times):
            spoil(vendors[untouched.pop()])
    for mailbox, times in SIMULATOR:
        for _ in range(times):
            index = untouched.pop()
            vendors[index]["email"] = f"{mailbox}+v{index + 1}@simulator.amazonses.com"
    for repeat in (str, str.lower, lambda code: code + " "):
        first, second = sorted([untouched.pop(), untouched.pop()])
        vendors[second]["vendor_code"] = repeat(vendors[first]["vendor_code"])
    return vendors


def main():
    path = Path(__file__).with_name("vendors.csv")
    # Spreadsheets write a byte order mark and CRLF.
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\r\n")
        writer.writeheader()
        writer.writerows(generate())


if __name__ == "__main__":
    main()
