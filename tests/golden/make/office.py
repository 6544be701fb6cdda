#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Small office documents for the tests of extraction: python3 office.py ../extract/office

By python-docx, openpyxl, python-pptx and odfpy; notes, deletions and EPUB, which they lack, by hand."""
import datetime
import sys
import zipfile

import docx
import openpyxl
import pptx
from odf import dc, meta, opendocument, style, table, text
from odf.draw import Frame, Page, TextBox
from odf.presentation import Notes
from pptx.util import Inches

FOLDER = sys.argv[1]
W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/"


def properties(core):
    core.title, core.author = "Bees & honey", "Ann Author"
    core.created = datetime.datetime(2024, 3, 1, 9, 30)


def rewrite(path, change, add=()):
    """Packs a file anew, tightly, each member through change(name, bytes); None drops it."""
    with zipfile.ZipFile(path) as source:
        members = [(item.filename, source.read(item)) for item in source.infolist()]
    members += [(name, data.encode()) for name, data in add]
    with zipfile.ZipFile(path, "w") as target:
        for name, data in members:
            data = change(name, data)
            if data is None:
                continue
            entry = zipfile.ZipInfo(name, (2024, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_STORED if name == "mimetype" else zipfile.ZIP_DEFLATED
            target.writestr(entry, data, compresslevel=9)


def make_docx(path):
    d = docx.Document()
    d.add_heading("On bees", 0)
    d.add_heading("Colonies", 1)
    p = d.add_paragraph("A colony has one ")
    p.add_run("queen").bold = True
    p.add_run(" and thousands of workers.NOTE")
    d.add_paragraph("They build of wax:")
    d.add_paragraph("cells for brood", style="List Bullet")
    d.add_paragraph("cells for honey", style="List Bullet 2")
    d.add_paragraph("and then", style="List Number")
    d.add_heading("Yields", 2)
    t = d.add_table(rows=2, cols=3)
    for row, values in zip(t.rows, [["Year", "Hives", "Honey"], ["2023", "", "41 kg"]]):
        for cell, value in zip(row.cells, values):
            cell.text = value
    t.cell(0, 1).add_paragraph("(count)")
    d.add_paragraph("A line\nbroken, a\ttab. DELETED")
    d.add_paragraph().add_run("Hidden words").font.hidden = True
    d.sections[0].header.paragraphs[0].text = "Header of all pages"
    properties(d.core_properties)
    d.save(path)

    def change(name, data):
        if name == "word/document.xml":
            s = data.decode()
            s = s.replace("NOTE</w:t>", '</w:t></w:r><w:r><w:footnoteReference w:id="2"/></w:r><w:r><w:t></w:t>')
            s = s.replace("DELETED</w:t></w:r>", "</w:t></w:r><w:del w:id='1'><w:r><w:delText>gone</w:delText></w:r>"
                          "</w:del><w:ins w:id='2'><w:r><w:t>Put in.</w:t></w:r></w:ins>")
            return s.encode()
        if name == "word/_rels/document.xml.rels":
            return data.replace(b"</Relationships>", f'<Relationship Id="rId99" Type="{RELATIONS}footnotes" '
                                'Target="footnotes.xml"/></Relationships>'.encode())
        if name == "word/styles.xml":  # the latent styles and the table styles are most of the file
            s = data.decode()
            s = s[:s.index("<w:latentStyles")] + s[s.index("</w:latentStyles>") + 17:]
            at = s.index('<w:style w:type="table" w:styleId="LightShading"')
            return (s[:at] + "</w:styles>").encode()
        return None if name.startswith(("docProps/thumbnail", "word/theme", "word/stylesWithEffects", "customXml")) else data

    rewrite(path, change, [("word/footnotes.xml",
                            f'<w:footnotes {W}><w:footnote w:type="separator" w:id="0"><w:p><w:r><w:t>x</w:t></w:r></w:p>'
                            '</w:footnote><w:footnote w:id="2"><w:p><w:r><w:t>In summer,</w:t></w:r></w:p><w:p><w:r>'
                            '<w:t>that is.</w:t></w:r></w:p></w:footnote></w:footnotes>')])


def make_xlsx(path):
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "Yields"
    sheet.append(["Day", "Hive", "Honey", "Good", "At"])
    sheet.append([datetime.date(2024, 2, 29), "A & B", 12.5, True, datetime.time(14, 30)])
    sheet.append([datetime.datetime(2024, 3, 1, 6, 15), None, 0.1 + 0.2, False, None])
    sheet["H5"] = "far\nright"
    sheet["A6"] = 45000
    sheet["A6"].number_format = '"day" 0'
    sheet["B6"] = 45000
    sheet["B6"].number_format = "[$-409]d mmm yyyy;@"
    hidden = book.create_sheet("Lists")
    hidden["A1"] = "not seen"
    hidden.sheet_state = "hidden"
    book.create_sheet("Empty")
    book.create_sheet("Second")["B2"] = "A & B"
    book.properties.title, book.properties.creator = "Bees & honey", "Ann Author"
    book.properties.created = datetime.datetime(2024, 3, 1, 9, 30)
    book.save(path)
    rewrite(path, lambda name, data: None if name.startswith("xl/theme") else data)


def make_pptx(path):
    show = pptx.Presentation()
    first = show.slides.add_slide(show.slide_layouts[0])
    first.shapes.title.text, first.placeholders[1].text = "On bees", "By Ann"
    second = show.slides.add_slide(show.slide_layouts[1])
    second.shapes.title.text = "Colonies"
    body = second.placeholders[1].text_frame
    body.text = "One queen"
    body.add_paragraph().text = "Workers"
    deeper = body.add_paragraph()
    deeper.text, deeper.level = "thousands", 1
    second.notes_slide.notes_text_frame.text = "Say that slowly.\nThen go on."
    grid = second.shapes.add_table(2, 2, Inches(1), Inches(1), Inches(4), Inches(1)).table
    for i, value in enumerate(["Year", "Honey", "2023", "41 kg"]):
        grid.cell(i // 2, i % 2).text = value
    second.shapes.add_textbox(Inches(1), Inches(1), Inches(1), Inches(1)).text_frame.text = "In a box"
    slides = show.slides._sldIdLst
    third = show.slides.add_slide(show.slide_layouts[5])
    third.shapes.title.text = "Between"
    slides.insert(1, slides[2])  # the order of the list is not that of the files
    properties(show.core_properties)
    show.save(path)

    def change(name, data):
        if name.startswith(("docProps/thumbnail", "ppt/theme", "ppt/slideLayouts", "ppt/printer", "ppt/slideMasters",
                            "ppt/notesMasters")):
            return None
        return data

    rewrite(path, change)


def make_odt(path):
    d = opendocument.OpenDocumentText()
    d.meta.addElement(dc.Title(text="Bees & honey"))
    d.meta.addElement(meta.InitialCreator(text="Ann Author"))
    d.meta.addElement(meta.CreationDate(text="2024-03-01T09:30:00"))
    d.automaticstyles.addElement(style.Style(name="P1", parentstylename="Title", family="paragraph"))
    body = d.text
    body.addElement(text.P(stylename="P1", text="On bees"))
    body.addElement(text.H(outlinelevel=2, text="Colonies"))
    p = text.P(text="A colony has\n   one ")
    p.addElement(text.Span(text="queen"))
    p.addElement(text.S(c=2))
    p.addText("and workers.")
    note = text.Note(noteclass="footnote")
    note.addElement(text.NoteCitation(text="1"))
    note_body = text.NoteBody()
    note_body.addElement(text.P(text="In summer,"))
    note_body.addElement(text.P(text="that is."))
    note.addElement(note_body)
    p.addElement(note)
    p.addText(" So it is.")
    p.addElement(text.LineBreak())
    p.addText("Next line.")
    body.addElement(p)
    outer, inner = text.List(), text.List()
    item = text.ListItem()
    item.addElement(text.P(text="cells for brood"))
    inner_item = text.ListItem()
    inner_item.addElement(text.P(text="and for honey"))
    inner.addElement(inner_item)
    item.addElement(inner)
    outer.addElement(item)
    body.addElement(outer)
    grid = table.Table(name="Table1")
    for values in [["Year", "Hives", "Honey"], ["2023", "", "41 kg"]]:
        row = table.TableRow()
        for value in values:
            cell = table.TableCell()
            cell.addElement(text.P(text=value))
            row.addElement(cell)
        grid.addElement(row)
    body.addElement(grid)
    body.addElement(text.P(text="The end."))
    d.save(path)
    rewrite(path, lambda name, data: None if name.startswith("Thumbnails") else data)


def make_ods(path):
    d = opendocument.OpenDocumentSpreadsheet()
    sheet = table.Table(name="Yields")
    for values in [["Day", "Hive", "Honey"], ["2024-02-29", None, "12.5"]]:
        row = table.TableRow()
        for value in values:
            if value is None:
                row.addElement(table.TableCell(numbercolumnsrepeated=2))
                continue
            cell = table.TableCell(valuetype="string")
            cell.addElement(text.P(text=value))
            row.addElement(cell)
        row.addElement(table.TableCell(numbercolumnsrepeated=16000))
        sheet.addElement(row)
    filler = table.TableRow(numberrowsrepeated=1000000)
    filler.addElement(table.TableCell(numbercolumnsrepeated=16000))
    sheet.addElement(filler)
    d.spreadsheet.addElement(sheet)
    d.save(path)
    rewrite(path, lambda name, data: data)


def make_odp(path):
    d = opendocument.OpenDocumentPresentation()
    layout = style.PageLayout(name="L")
    d.automaticstyles.addElement(layout)
    master = style.MasterPage(name="M", pagelayoutname=layout)
    d.masterstyles.addElement(master)
    for title, words, said in [("On bees", "By Ann", None), ("Colonies", "One queen", "Say that slowly.")]:
        page = Page(masterpagename=master)
        for cls, content in [("title", title), ("outline", words)]:
            frame = Frame(attributes={"class": cls})
            box = TextBox()
            box.addElement(text.P(text=content))
            frame.addElement(box)
            page.addElement(frame)
        if said:
            notes, frame, box = Notes(), Frame(attributes={"class": "notes"}), TextBox()
            box.addElement(text.P(text=said))
            frame.addElement(box)
            notes.addElement(frame)
            page.addElement(notes)
        d.presentation.addElement(page)
    d.save(path)
    rewrite(path, lambda name, data: data)


def make_epub(path):
    page = '<html xmlns="http://www.w3.org/1999/xhtml"><head><title/></head><body><h1>{}</h1><p>{}</p></body></html>'
    members = [
        ("mimetype", "application/epub+zip"),
        ("META-INF/container.xml", '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
         '<rootfile full-path="OEBPS/book.opf"/></rootfiles></container>'),
        ("OEBPS/book.opf", '<package xmlns="http://www.idpf.org/2007/opf"><metadata '
         'xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>Bees &amp; honey</dc:title><dc:creator>Ann Author'
         '</dc:creator></metadata><manifest><item id="b" href="text/two%20b.xhtml" media-type="application/xhtml+xml"/>'
         '<item id="a" href="text/a.xhtml" media-type="application/xhtml+xml"/>'
         '<item id="n" href="nav.xhtml" properties="nav" media-type="application/xhtml+xml"/></manifest>'
         '<spine><itemref idref="n"/><itemref idref="a"/><itemref idref="b"/></spine></package>'),
        ("OEBPS/nav.xhtml", page.format("Contents", "Chapter one")),
        ("OEBPS/text/two b.xhtml", page.format("Colonies", "One queen and thousands of workers live there.")),
        ("OEBPS/text/a.xhtml", page.format("On bees", "Bees fly from <i>flower</i> to flower, all summer.")),
    ]
    with zipfile.ZipFile(path, "w") as target:
        for name, data in members:
            entry = zipfile.ZipInfo(name, (2024, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_STORED if name == "mimetype" else zipfile.ZIP_DEFLATED
            target.writestr(entry, data)


for maker in [make_docx, make_xlsx, make_pptx, make_odt, make_ods, make_odp, make_epub]:
    maker(FOLDER + "/bees." + maker.__name__[5:])
