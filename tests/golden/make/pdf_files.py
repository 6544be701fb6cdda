#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Small PDF files for the tests of extraction, by reportlab: python3 pdf_files.py ../extract"""
import sys

from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.pdfgen import canvas

PAGES = [
    ["Bees live in colonies of many thou-", "sands of workers, which in summer", "gather nectar from flowers that"],
    ["open in the morning. In winter they", "stay inside & keep warm."],
    ["A queen lays up to 2000 eggs a day."],
    ["Honey keeps for years <when sealed>."],
]


def pages(path, encrypt=None):
    page = canvas.Canvas(path, invariant=1, encrypt=encrypt)
    page.setTitle("Notes on bees")
    page.setAuthor("Ann Author")
    for number, lines in enumerate(PAGES, 1):
        page.drawString(72, 800, "Notes on bees, second edition")
        for i, line in enumerate(lines):
            page.drawString(72, 700 - 14 * i, line)
        page.drawString(300, 30, str(number))
        page.showPage()
    page.save()


def picture(path):
    page = canvas.Canvas(path, invariant=1)
    page.rect(100, 100, 300, 300, fill=1)
    page.showPage()
    page.save()


folder = sys.argv[1]
pages(folder + "/pages.pdf")
pages(folder + "/encrypted.pdf", StandardEncryption("secret"))
picture(folder + "/picture.pdf")
