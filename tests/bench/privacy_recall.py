#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How many private things that were put into real texts are found. Seeded values of every kind are written into files
nobody tuned rules on, each in a sentence, a record or a line of code: with a word beside it that says what it is
("named"), or without ("bare"). Prints one JSON line a kind and form: injected, found whole, found as another kind.
    privacy_recall.py BENCH_PRIVACY FOLDER [SEED]      (needs phonenumbers from PyPI; ends with 77 without)
"""
import collections
import json
import os
import random
import subprocess
import sys
import tempfile

UPPER, LOWER, DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz", "0123456789"
ALNUM, HEX = UPPER + LOWER + DIGITS, DIGITS + "abcdef"
OF_EACH_FORM = 100  # injected of each kind, form and manner
FILES = 400

NAMED = {
    "email": ["From: {}", "Please write to {} before Friday.", "e-mail: {}", 'contact = "{}"', "<{}>", "| mail | {} |",
              "[mail us](mailto:{})", "Reported-by: Jo Doe <{}>", '{{"email": "{}", "id": 7}}', "email;{};active"],
    "phone": ["Tel: {}", "Phone {}", "call me: phone {}", "Fax: {}", "Mobile: {}.", '"phone": "{}"', "Telefon: {}", "tel. {}"],
    "iban": ["IBAN: {}", "Please transfer to IBAN {} until May.", '"iban": "{}"', "account {}", "Konto: {}", "pay into {}, thanks"],
    "card": ["Card number: {}", "card {} exp 12/27", '"card_number": "{}"', "Visa {}", "paid by credit card {}"],
    "ip": ["client {} connected", "Host: {}", "ip = '{}'", "Received: from mx ([{}])", "server address {} port 80"],
    "key": ['api_key = "{}"', "API_TOKEN={}", "token: {}", "export SECRET_KEY='{}'", "Authorization: Bearer {}"],
    "password": ['password = "{}"', "DB_PASSWORD={}", "passwd: {}", '"password": "{}",', "PASSWORD = '{}'"],
}
BARE = {
    "email": ["{}", "({})", "see {} for this", "x {} y", "{},1,2"],
    "phone": ["{}", "Jo Doe, Main Street 5, {}", "reach us under {} any time", "- {}", "| Jo | {} |"],
    "iban": ["{}", "- {}", "| Jo | {} |", "({})"],
    "card": ["{}", "- {}", "| Jo | {} |", "({})"],
    "ip": ["{}", "({})", "- {}", "| a | {} |", "{} - - \"GET /\""],
    "key": ["{}", 'f("{}")', "- {}", "curl -H 'X: {}'", "see {} there"],
}
KEYS = {  # family: prefix, alphabet, length of what follows
    "aws id": ("AKIA", UPPER + "234567", 16), "github": ("ghp_", ALNUM, 36), "github app": ("ghs_", ALNUM, 36),
    "github fine": ("github_pat_", ALNUM, 82), "gitlab": ("glpat-", ALNUM + "_-", 20), "npm": ("npm_", ALNUM, 36),
    "pypi": ("pypi-AgEIcHlwaS5vcmc", ALNUM + "_-", 150), "stripe": ("sk_live_", ALNUM, 24),
    "stripe restricted": ("rk_live_", ALNUM, 99), "google": ("AIza", ALNUM + "_-", 35), "google secret": ("GOCSPX-", ALNUM + "_-", 28),
    "openai": ("sk-proj-", ALNUM + "_-", 120), "openai old": ("sk-", ALNUM, 48), "anthropic": ("sk-ant-api03-", ALNUM + "_-", 95),
    "hugging face": ("hf_", UPPER + LOWER, 34), "digitalocean": ("dop_v1_", HEX, 64), "shopify": ("shpat_", HEX, 32),
    "square": ("sq0csp-", ALNUM + "_-", 43), "docker": ("dckr_pat_", ALNUM + "_-", 27), "postman": ("PMAK-", HEX, 59),
    "new relic": ("NRAK-", UPPER + DIGITS, 27), "linear": ("lin_api_", ALNUM, 40), "tailscale": ("tskey-auth-", ALNUM, 32),
    "vault": ("hvs.", ALNUM + "_-", 92), "rubygems": ("rubygems_", HEX, 48), "twilio": ("AC", HEX, 32), "mailgun": ("key-", HEX, 32),
    "atlassian": ("ATATT3xFfGF0", ALNUM + "_-", 171),
}
IBANS = {"DE": "18n", "FR": "10n11c2n", "GB": "4a14n", "ES": "20n", "IT": "1a10n12c", "NL": "4a10n", "CH": "5n12c", "AT": "16n",
         "PL": "24n", "BE": "12n", "SE": "20n", "NO": "11n", "DK": "14n", "PT": "21n", "FI": "14n", "IE": "4a14n", "CZ": "20n",
         "GR": "7n16c", "HU": "24n", "SA": "2n18c", "TR": "5n1n16c", "BR": "23n1a1c"}
REGIONS = ["US", "GB", "DE", "FR", "IT", "ES", "NL", "PL", "SE", "CH", "AT", "JP", "IN", "BR", "AU", "CN"]


def letters(rng, alphabet, n):
    return "".join(rng.choice(alphabet) for _ in range(n))


def email(rng):
    user = rng.choice(["{a}.{b}", "{a}", "{a}_{b}", "{a}+{b}", "{a}{n}", "{a}-{b}"]).format(
        a=letters(rng, LOWER, rng.randint(3, 8)), b=letters(rng, LOWER, rng.randint(3, 8)), n=rng.randint(1, 99))
    host = letters(rng, LOWER, rng.randint(4, 10)) + rng.choice(["", "-" + letters(rng, LOWER, 3), "." + letters(rng, LOWER, 4)])
    value = f"{user}@{host}.{rng.choice(['com', 'org', 'de', 'co.uk', 'fr', 'io', 'edu', 'info', 'museum', 'jp'])}"
    return rng.choice([value, value, value, value.upper(), value.title()]), "any"


def phone(rng):
    import phonenumbers
    form = rng.choice(["INTERNATIONAL", "NATIONAL", "E164"])
    region = rng.choice(REGIONS)
    example = phonenumbers.example_number_for_type(region, rng.choice([0, 1]))  # a fixed line, a mobile
    model = str(example.national_number)
    while True:
        digits = model[:3] + letters(rng, DIGITS, len(model) - 3)
        number = phonenumbers.PhoneNumber(country_code=example.country_code, national_number=int(digits),
                                          italian_leading_zero=example.italian_leading_zero)
        if phonenumbers.is_valid_number(number):
            return phonenumbers.format_number(number, getattr(phonenumbers.PhoneNumberFormat, form)), form.lower()


def iban(rng):
    country = rng.choice(list(IBANS))
    body, count = "", ""
    for c in IBANS[country]:
        if c.isdigit():
            count += c
        else:
            body, count = body + letters(rng, {"n": DIGITS, "a": UPPER, "c": UPPER + DIGITS}[c], int(count)), ""
    number = int("".join(str(int(c, 36)) for c in body + country + "00"))
    value = f"{country}{98 - number % 97:02d}{body}"
    if rng.random() < 0.5:
        return value, "together"
    return " ".join(value[i:i + 4] for i in range(0, len(value), 4)), "in groups"


def card(rng):
    prefix, n = rng.choice([("4", 16), ("51", 16), ("55", 16), ("2300", 16), ("34", 15), ("37", 15), ("6011", 16), ("3530", 16)])
    body = prefix + letters(rng, DIGITS, n - 1 - len(prefix))
    total = sum(sum(divmod(int(d) * (2 if i % 2 == 0 else 1), 10)) for i, d in enumerate(reversed(body)))
    value = body + str(-total % 10)
    form = rng.choice(["together", "in groups"])
    if form == "together":
        return value, form
    sizes = [4, 6, 5] if n == 15 else [4, 4, 4, 4]
    parts, at = [], 0
    for size in sizes:
        parts.append(value[at:at + size])
        at += size
    return rng.choice([" ", "-"]).join(parts), form


def ip(rng):
    import ipaddress
    if rng.random() < 0.5:
        while True:
            value = ".".join(str(rng.randint(1, 254)) for _ in range(4))
            if ipaddress.ip_address(value).is_global and not ipaddress.ip_address(value).is_multicast:
                return value, "v4"
    value = ipaddress.ip_address((rng.choice([0x2a00, 0x2001, 0x2607, 0x2a02]) << 112) + (rng.getrandbits(16) << 96) +
                                 (rng.getrandbits(16) << 80) + rng.choice([1, rng.getrandbits(64)]))
    return (str(value), "v6") if value.is_global else ip(rng)


def key(rng):
    kind = rng.choice([*KEYS, "jwt", "slack", "random", "pem"])
    if kind == "jwt":
        return "eyJhbGciOiJIUzI1NiJ9.ey" + letters(rng, ALNUM + "_-", 60) + "." + letters(rng, ALNUM + "_-", 43), kind
    if kind == "slack":
        return f"xoxb-{letters(rng, DIGITS, 12)}-{letters(rng, DIGITS, 12)}-{letters(rng, ALNUM, 24)}", kind
    if kind == "random":
        return letters(rng, ALNUM, 40), kind
    if kind == "pem":
        lines = [letters(rng, ALNUM + "+/", 64) for _ in range(8)]
        return "\n".join(["-----BEGIN RSA PRIVATE KEY-----", *lines, "-----END RSA PRIVATE KEY-----"]), kind
    prefix, alphabet, n = KEYS[kind]
    return prefix + letters(rng, alphabet, n) + ("=" + letters(rng, HEX, 8).upper() if kind == "atlassian" else ""), kind


def password(rng):
    value = letters(rng, LOWER, rng.randint(3, 6)) + rng.choice("!#%_-.") + letters(rng, UPPER + LOWER + DIGITS, rng.randint(4, 8)) + "7"
    return value, "any"


MAKERS = {"email": email, "phone": phone, "iban": iban, "card": card, "ip": ip, "key": key, "password": password}


def texts_below(folder, rng):
    paths = [os.path.join(where, name) for where, _, names in os.walk(folder) for name in names if "/." not in where]
    rng.shuffle(paths)
    found = []
    for path in sorted(paths[:4 * FILES]):
        data = open(path, "rb").read(200_000)
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError:
            continue
        if text.count("\n") >= 30 and "\0" not in text:
            found.append(text)
    return found[:FILES]


def main():
    bench, folder = sys.argv[1:3]
    rng = random.Random(int(sys.argv[3]) if len(sys.argv) > 3 else 1)
    try:
        import phonenumbers  # noqa: F401
    except ImportError as problem:
        print(f"phonenumbers is not installed: {problem}", file=sys.stderr)
        return 77
    plan = [(kind, manner) for manner, templates in (("named", NAMED), ("bare", BARE)) for kind in templates]
    injections = collections.defaultdict(list)
    texts = texts_below(folder, rng)
    for kind, manner in plan:
        for _ in range(OF_EACH_FORM * (6 if kind == "key" else 3 if kind == "phone" else 1)):
            value, form = MAKERS[kind](rng)
            template = rng.choice((NAMED if manner == "named" else BARE)[kind])
            if form == "pem":
                template = "{}"
            injections[rng.randrange(len(texts))].append((kind, manner, form, value, template))
    counts = collections.defaultdict(lambda: collections.Counter())
    missed = []
    with tempfile.TemporaryDirectory() as scratch:
        places = {}
        for number, items in injections.items():
            lines = texts[number].split("\n")
            at = sorted(rng.randrange(len(lines)) for _ in items)
            out, spans = [], []
            size = 0
            for i, line in enumerate(lines):
                while at and at[0] == i:
                    at.pop(0)
                    kind, manner, form, value, template = items[len(spans)]
                    added = template.format(value) + "\n"
                    begin = size + len((template.split("{}")[0].replace("{{", "{")).encode())
                    spans.append((begin, begin + len(value.encode()), kind, manner, form, added))
                    out.append(added)
                    size += len(added.encode())
                out.append(line + "\n")
                size += len(line.encode()) + 1
            path = os.path.join(scratch, str(number))
            with open(path, "w", encoding="utf-8", newline="") as file:
                file.write("".join(out))
            places[path] = spans
        lines = subprocess.run([bench, "--findings", *places], check=True, capture_output=True, text=True).stdout.splitlines()
        found = collections.defaultdict(list)
        for line in map(json.loads, lines):
            found[line["file"]].append((line["begin"], line["begin"] + len(line["value"].encode()), line["kind"]))
        for path, spans in places.items():
            for begin, end, kind, manner, form, line in spans:
                kinds = [k for b, e, k in found[path] if b <= begin and e >= end]
                partly = any(b < end and e > begin for b, e, _ in found[path])
                outcome = "found" if kind in kinds else "as another kind" if kinds else "partly" if partly else "missed"
                counts[kind, manner, form][outcome] += 1
                if outcome != "found":
                    missed.append((outcome, kind, manner, form, line.strip().split("\n")[0][:150]))
    for (kind, manner, form), outcomes in sorted(counts.items()):
        total = sum(outcomes.values())
        print(json.dumps({"kind": kind, "manner": manner, "form": form, "injected": total, "recall": round(outcomes["found"] / total, 3),
                          **{name: n for name, n in outcomes.items() if name != "found"}}))
    for line in missed if os.environ.get("SHOW_MISSED") else []:
        print(*line, sep=" | ")
    return 0


if __name__ == "__main__":
    sys.exit(main())
