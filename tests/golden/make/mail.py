#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes tests/golden/mail/: messages composed by Python's email package, a mailbox by its mailbox module, and
expected.json, what the same package reads from them. Run by hand, from the source tree:
    python3 tests/golden/make/mail.py
"""
import email
import email.policy
import hashlib
import json
import mailbox
import pathlib
from email.message import EmailMessage

folder = pathlib.Path("tests/golden/mail")
folder.mkdir(parents=True, exist_ok=True)


def message(subject, **fields):
    mail = EmailMessage(policy=email.policy.SMTP)
    mail["Subject"] = subject
    mail["From"] = fields.get("sender", "Ada Lovelace <ada@example.org>")
    mail["To"] = "team@example.org"
    mail["Date"] = "Mon, 02 Mar 2020 10:11:12 +0100"
    mail["Message-ID"] = "<%s@example.org>" % hashlib.sha256(subject.encode()).hexdigest()[:12]
    if "parent" in fields:
        mail["In-Reply-To"] = fields["parent"]
    return mail


mails = {}
plain = message("Grüße aus Zürich, ein langer Betreff, der über mehr als eine Zeile der Kopfzeilen hinausgeht",
                sender="Jürgen Müller <j@example.org>")
plain.set_content("Schöne Grüße!\n\nDie Prüfung läuft, und dies ist eine recht lange Zeile, die nur so in Stücken durch die Post käme.\n", cte="quoted-printable")
mails["quoted-printable.eml"] = plain

koi8 = message("Протокол заседания", sender="Иван <ivan@example.org>")
koi8.set_content("Решение принято единогласно.\n", charset="koi8-r", cte="base64")
mails["koi8.eml"] = koi8

latin = message("Café ouvert")
latin.set_content("Le café est ouvert dès sept heures, même à Noël.\n", charset="iso-8859-15", cte="8bit")
mails["latin9.eml"] = latin

japanese = message("会議のお知らせ")
japanese.set_content("明日の会議は十時からです。\n", charset="iso-2022-jp", cte="7bit")
mails["japanese.eml"] = japanese

both = message("Two forms")
both.set_content("The plain form of the text.\n")
both.add_alternative("<html><body><p>The <b>HTML</b> form of the text.</p></body></html>", subtype="html")
mails["alternative.eml"] = both

attached = message("With attachments")
attached.set_content("See the files that are attached here.\n")
attached.add_attachment("Notes on the numbers, in a file of their own.\n", filename="notes für alle.txt")
attached.add_attachment(b"\x89PNG\r\n" + bytes(range(256)), maintype="image", subtype="png", filename="picture.png")
attached.add_attachment(bytes(range(256)) * 3, maintype="application", subtype="octet-stream", filename="data.bin")
attached.add_attachment(plain)
mails["attachments.eml"] = attached

raw = {
    "reply.eml": b"Subject: Re: Build\nFrom: bob@example.org\nIn-Reply-To: <a@example.org>\n\nIt is fixed now.\n\nOn Monday, 2 March 2020, Ada wrote:\n> The build is broken since yesterday.\n> It says that a file is missing,\n> and I do not know which.\n> Could you please\n> have a look?\n\n-- \nBob\nExample Ltd.\n",
    "header-only.eml": b"Subject: nothing\nFrom: bob@example.org\n",
}
for name, mail in mails.items():
    (folder / name).write_bytes(mail.as_bytes())
for name, data in raw.items():
    (folder / name).write_bytes(data)

(folder / "three.mbox").unlink(missing_ok=True)
box = mailbox.mbox(folder / "three.mbox")
from_line = message("A line that looks like the next message")
from_line.set_content("Before it.\n\nFrom here on it is quoted when stored.\n")
for mail in (from_line, attached, koi8):
    box.add(mailbox.mboxMessage(email.message_from_bytes(mail.as_bytes().replace(b"\r\n", b"\n"))))
box.close()

expected = {}
for name in sorted([*mails, *raw]):
    mail = email.message_from_bytes((folder / name).read_bytes(), policy=email.policy.default)
    body = mail.get_body(("plain",))
    attachments = []
    for part in mail.iter_attachments():
        content = part.get_content() if part.get_content_maintype() != "message" else part.get_content().as_bytes()
        content = content if isinstance(content, bytes) else content.encode()
        attachments.append({"name": part.get_filename(), "type": part.get_content_type(),
                            "sha256": hashlib.sha256(content).hexdigest()})
    expected[name] = {"subject": mail["Subject"], "from": mail["From"], "text": body.get_content() if body else "",
                      "attachments": attachments}
(folder / "expected.json").write_text(json.dumps(expected, indent=1, ensure_ascii=False) + "\n")
