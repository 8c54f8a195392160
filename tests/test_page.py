from html.parser import HTMLParser

from marsad.corpus import read_corpus
from marsad.document import Document, Entity, Event, Sentence
from marsad.page import render_page
from tests.conftest import ROOT


class Text(HTMLParser):
    """Collects the text of sentences without the labels and events added to it."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag != "meta":
            self.open.append(f"{tag}.{dict(attrs).get('class') or ''}")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop().startswith(tag)

    def handle_data(self, data: str) -> None:
        inside = any(name.startswith("div.sentence") for name in self.open)
        added = any(name.startswith(("b.", "div.events")) for name in self.open)
        if inside and not added:
            self.text += data


def test_page_holds_the_whole_text_and_is_well_formed():
    document = read_corpus(ROOT / "data" / "articles" / "daraa.jsonl")[0]
    parser = Text()
    parser.feed(render_page(document))
    assert parser.open == []
    assert "".join(parser.text.split()) == "".join(document.text.split())


def test_text_never_becomes_markup():
    text = '<script>alert("x")</script> & درعا'
    document = Document(
        id="<b>",
        text=text,
        sentences=(Sentence(0, len(text), (Event("siege", "negated", 0.5),)),),
        entities=(Entity(0, 8, "ORG", 0.9),),
    )
    page = render_page(document)
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "حصار<i>منفي</i>" in page
    assert "<title>&lt;b&gt;</title>" in page
