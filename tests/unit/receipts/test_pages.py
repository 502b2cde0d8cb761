"""Every page: self-contained, escaped, complete in both languages, and saying what it is for."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from hashlib import sha256
from html.parser import HTMLParser

import pytest

from gateway.parcels import Listed, PackageId, PartyId, Released
from gateway.policy.facts import Folders, Language
from gateway.receipts.codes import CodeLine, code_lines
from gateway.receipts.distribution import acknowledgement_form, transmittal_sheet
from gateway.receipts.distribution import page as distribution_page
from gateway.receipts.letters import Letter, cover_list, reminder_letter
from gateway.receipts.listing import DistributionList, Withdrawn
from gateway.receipts.naming import form_name, list_name, sheet_name
from gateway.receipts.pages import Legend, SentFile, receipt_page
from gateway.receipts.parties import Issuer, Receiver
from gateway.receipts.receipt import Counts, Receipt
from gateway.receipts.status import status_page
from gateway.receipts.views import StatusView

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=y>\u202e{{ 7*7 }}"
ROWS = (
    CodeLine("402", "公民身份号码", 10, "校验码不符。", "请核对后补报。"),
    CodeLine("451", "现居住地代码", 12, "只到县级。", "可以时补到乡级。", "warning"),
)


class Text(HTMLParser):
    """The text a reader sees, and the tags and attributes there are."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.words: list[str] = []
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.open: list[str] = []
        self.feed(page.decode("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes.update(name for name, _ in attrs)
        if tag not in {"meta", "br"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in {"li", "tr", "td", "th", "p"} or self.open[-1] == tag:
            assert self.open.pop() == tag
            self.words.append(" " if tag in {"li", "tr", "td", "th", "p"} else "")
        else:
            raise AssertionError(f"</{tag}> closes <{self.open[-1]}>")

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", "".join(self.words))


NODE = Issuer("国家节点")
GUANGXI = Receiver("广西壮族自治区")


def receipt_html(
    receipt: Receipt,
    language: Language = "zh",
    *,
    issuer: Issuer = NODE,
    names: Mapping[str, str] | None = None,
    **changes: object,
) -> bytes:
    sent = replace(SentFile("流入-2026Q3.csv", returned_list="退回清单_20261021-000123.xlsx"), **changes)  # type: ignore[arg-type]
    legend = Legend(names or {})
    return receipt_page(receipt, language, party_name="广东省卫生健康委员会", issuer=issuer, file=sent, legend=legend)


@pytest.fixture
def pages(
    variants: dict[str, Receipt],
    listing: DistributionList,
    withdrawing: DistributionList,
    letter: Letter,
    names: dict[str, str],
    view: StatusView,
) -> Callable[[Language], dict[str, bytes]]:
    def pages(language: Language) -> dict[str, bytes]:
        quiet = replace(view, stopped=(), receivers=(), keys=(), parties=(), datasets=(), last_scan=view.at)
        return {
            **{case: receipt_html(receipt, language, names=names) for case, receipt in variants.items()},
            "distribution": distribution_page(listing, NODE, GUANGXI, language, names),
            "empty": distribution_page(replace(listing, lines=()), NODE, GUANGXI, language),
            "withdrawal": distribution_page(withdrawing, NODE, GUANGXI, language, names),
            "withdrawal_sheet": transmittal_sheet(withdrawing, NODE, GUANGXI, language, names, number="JJ-2"),
            "letter": reminder_letter(letter, node_name="国家节点", contact="示例人 000", language=language),
            "cover": cover_list([letter], node_name="国家节点", period="2026Q3", day=letter.day, language=language),
            "no_cover": cover_list([], node_name="国家节点", period="", day=letter.day, language=language),
            "sheet": transmittal_sheet(listing, NODE, GUANGXI, language, names, number="JJ-1"),
            "status": status_page(view, language),
            "quiet": status_page(quiet, language),
        }

    return pages


@pytest.mark.parametrize("language", ["zh", "en"])
def test_pages_stand_alone(pages: Callable[[Language], dict[str, bytes]], language: Language) -> None:
    for name, page in pages(language).items():
        read = Text(page)
        assert not read.open, name
        assert not read.tags & {"script", "link", "img", "iframe", "object", "embed", "form", "base", "a", "svg"}, name
        assert not {a for a in read.attributes if a.startswith("on") or a in {"src", "href", "style", "action"}}, name
        text = page.decode("utf-8")
        assert not re.search(r"https?:|//[a-z]|url\(|@import|@font-face|javascript:|data:", text), name
        assert "default-src 'none'" in text, name
        assert not re.search(r"\{[{%#]|\{[a-z_]+\}", text), name
        assert f'lang="{"zh-CN" if language == "zh" else "en"}"' in text, name


def test_the_english_pages_are_english_but_for_names(pages: Callable[[Language], dict[str, bytes]]) -> None:
    for name, page in pages("en").items():
        text = Text(page).text
        for chinese in ("请", "记录", "退回率", "下一步", "期限", "摘要", "编号", "签名", "无需"):
            assert chinese not in text, (name, chinese)


def test_a_partly_refused_receipt_tells_a_liaison_what_to_do(
    make: Callable[..., Receipt], names: dict[str, str]
) -> None:
    text = Text(receipt_html(make(), lines=ROWS, names=names, issuer=replace(NODE, fingerprint="A" * 40))).text
    order = [
        "收到1000条，合格985条待分发，退回15条；请于2026-10-31前补报。",
        "打开“退回”文件夹中的《退回清单_20261021-000123.xlsx》",
        "旁边的说明不必删除",
        "“上报/跨省流入人口个案”",
        "文件名已含“-补报”，不必改名",
        "跨省流入人口个案-2026Q3-补报.csv",
        "2026-10-31（含当日，至 24:00）",
        "校验码不符。",
        "流入-2026Q3.csv",
        "由文件名确定",
        "2026-10-21 14:01:22",
        "1.2 MB（1,234,567 字节）",
        "43 湖南",
        "385",
        "gpg --verify",
        "A" * 40,
        "第 123 号",
    ]
    places = [text.find(piece) for piece in order]
    assert -1 not in places, order[places.index(-1)]
    assert places == sorted(places)


def test_a_part_says_what_is_missing_and_how_to_name_it(variants: dict[str, Receipt]) -> None:
    text = Text(receipt_html(variants["part"])).text
    assert "待报齐" in text
    assert "把第2、3份放入“上报/跨省流入人口个案”文件夹" in text
    assert "《跨省流入人口个案-2026Q3-第2份共3份.xlsx》" in text
    back = Text(receipt_html(variants["part_refused"])).text
    assert back.index("先把第2、3份放入") < back.index("再补报本份退回的15条") < back.index("文件名已含“-补报”")


def test_a_small_replacement_waits_and_says_whom_to_call(variants: dict[str, Receipt]) -> None:
    text = Text(receipt_html(variants["held_small"], issuer=replace(NODE, contact="示例管理员 000-0000-0000"))).text
    order = [
        "本次合格 800 条，原报送 1000 条",
        "报编号 20261021-000123",
        "以前接收的数据不变",
        "示例管理员 000-0000-0000",
        "224",
    ]
    places = [text.find(piece) for piece in order]
    assert -1 not in places, order[places.index(-1)]
    assert places == sorted(places)
    gone = Text(receipt_html(variants["small_refused"])).text
    assert "待确认" not in gone
    assert gone.count("未获确认") == 2


def test_a_warning_is_to_be_checked_whatever_the_kind(variants: dict[str, Receipt]) -> None:
    for case in ("part", "part_complete", "supplement", "replace"):
        receipt = variants[case]
        warned = replace(receipt, counts=replace(receipt.counts, warned=2), codes={"452": 2})
        assert "请核对下面列出的提示" not in Text(receipt_html(receipt)).text
        assert "请核对下面列出的提示" in Text(receipt_html(warned)).text, case


def test_a_withdrawal_says_what_becomes_of_what_was_distributed(variants: dict[str, Receipt]) -> None:
    text = Text(receipt_html(variants["void"])).text
    assert "撤回已接收" in text
    assert "节点向接收方发出撤回通知，由接收方删除并签收确认" in text


def test_rows_are_counted_from_a_list_of_violations() -> None:
    violations = [
        ("1", "id_number", "421", "error", "“公民身份号码”校验码不符，至少有一位错误。"),
        ("2", "residence_code", "452", "warning", "“现居住地代码”只到县级。"),
        ("3", "residence_code", "452", "warning", "“现居住地代码”只到县级。"),
        ("3", "id_number", "421", "error", "“公民身份号码”校验码不符，至少有一位错误。"),
        ("4", "", "402", "error", "R 列没有列名却有内容。"),
    ]
    lines = code_lines(violations, {"id_number": "公民身份号码"}, "zh")
    assert [(line.code, line.field, line.count, line.severity) for line in lines] == [
        ("421", "公民身份号码", 2, "error"),
        ("402", "", 1, "error"),
        ("452", "residence_code", 2, "warning"),
    ]
    assert lines[0].sentence == violations[0][4]
    assert lines[0].remedy == "请对照证件核对。"


def test_rows_that_differ_in_the_column_name_none() -> None:
    rows = [(str(row), "", "402", "error", f"{column} 列没有列名却有内容。") for row, column in enumerate("RSS")]
    assert [line.sentence for line in code_lines(rows[1:], {}, "zh")] == ["S 列没有列名却有内容。"]
    assert [line.sentence for line in code_lines(rows, {}, "zh")] == ["某一列没有列名却有内容。"]
    assert [line.sentence for line in code_lines(rows, {}, "en")] == [
        "There is content without a title in some column."
    ]


def test_codes_without_rows_tell_errors_before_warnings(make: Callable[..., Receipt]) -> None:
    page = receipt_html(make(codes={"401": 3, "421": 12, "452": 40}))
    text = Text(page).text
    assert text.index("421 退回") < text.index("401 退回") < text.index("452 提示")
    assert "“相关项目”不能为空。" in text
    assert "…" not in text


def test_the_digest_is_shown_whole_in_groups(make: Callable[..., Receipt]) -> None:
    receipt = make()
    shown = " ".join(receipt.sha256[i : i + 8] for i in range(0, 64, 8))
    assert shown in Text(receipt_html(receipt)).text


def test_the_verify_command_names_the_file_beside_the_page(make: Callable[..., Receipt]) -> None:
    name = "回执_20261021-000123_2026Q3_跨省流入人口个案_部分退回.receipt.json"
    assert f'gpg --verify "{name}.sig" "{name}"' in Text(receipt_html(make())).text


def test_a_receipt_given_again_points_at_the_original_document(make: Callable[..., Receipt]) -> None:
    page = Text(receipt_html(make(code="220"))).text
    assert "部分退回.receipt.json.sig" in page
    assert "重复件.receipt.json" not in page
    assert "无需操作" not in page


def test_too_many_returned_rows_to_supply_one_by_one(make: Callable[..., Receipt]) -> None:
    counts = Counts(30_000, 15_000, 15_000, 0, {"45": 15_000})
    page = Text(receipt_html(make(counts=counts))).text
    assert "只列出前 10,000 条" in page
    assert "-补报.csv" not in page


def test_the_file_name_is_shown_to_its_sender_only(make: Callable[..., Receipt]) -> None:
    assert "文件名" not in re.sub(r"由文件名确定|文件名加|文件名已含", "", Text(receipt_html(make(), name=None)).text)
    assert "流入-2026Q3.csv" in Text(receipt_html(make())).text


def test_a_refused_file_shows_its_code_sentence_and_remedy(variants: dict[str, Receipt]) -> None:
    text = Text(receipt_html(variants["refused"])).text
    assert "223" in text
    assert text.count("请在文件名中注明报告期") == 2
    assert "只保留 7 天" in Text(receipt_html(variants["refused"], returned_days=7)).text
    assert "未能确定" in text


def test_all_32_receivers_are_shown(make: Callable[..., Receipt], names: dict[str, str]) -> None:
    provinces = sorted(code for code in names if len(code) == 2)
    counts = Counts(3200 + 15, 3200, 15, 0, dict.fromkeys(provinces, 100))
    text = Text(receipt_html(make(counts=counts), names=names)).text
    assert all(f"{code} {names[code]} 100 " in text for code in provinces)
    assert "共 32 处，3,200 条" in text


def test_hostile_names_stay_text(
    make: Callable[..., Receipt], withdrawing: DistributionList, letter: Letter, view: StatusView
) -> None:
    listing = withdrawing
    hostile = replace(letter, number=HOSTILE, party_name=HOSTILE, label=HOSTILE, basis=HOSTILE, copy_to=HOSTILE)
    hostile = replace(hostile, contact=HOSTILE)
    rows = (CodeLine("402", HOSTILE, 1, HOSTILE, HOSTILE),)
    receipt = make(
        label=HOSTILE, detail={"limit_mb": HOSTILE}, due=(replace(make().due[0], what=HOSTILE, edition=HOSTILE),)
    )
    stopped = replace(view.stopped[0], parcel=HOSTILE, party=HOSTILE, title=HOSTILE)
    status = replace(
        view,
        node=HOSTILE,
        stopped=(stopped,),
        parties=(replace(view.parties[-3], name=HOSTILE, contact=HOSTILE),),
        receivers=(replace(view.receivers[0], name=HOSTILE),),
        keys=(replace(view.keys[0], name=HOSTILE),),
    )
    names = {line.origin: HOSTILE for line in listing.lines} | {"43": HOSTILE, "45": HOSTILE}
    node = Issuer(HOSTILE, HOSTILE, HOSTILE, folders=Folders(returned=HOSTILE))
    to = Receiver(HOSTILE, HOSTILE)
    for page in (
        receipt_page(
            receipt,
            "zh",
            party_name=HOSTILE,
            issuer=node,
            file=SentFile(HOSTILE, rows, HOSTILE),
            legend=Legend(names),
        ),
        reminder_letter(hostile, node_name=HOSTILE, contact=HOSTILE, language="zh", folders=Folders(drop=HOSTILE)),
        cover_list([hostile], node_name=HOSTILE, period=HOSTILE, day=letter.day, language="zh", files=[HOSTILE]),
        distribution_page(replace(listing, label=HOSTILE), replace(node, fingerprint=""), to, "zh", names),
        transmittal_sheet(replace(listing, label=HOSTILE), node, to, "zh", names, number=HOSTILE),
        status_page(status, "zh"),
    ):
        read = Text(page)
        assert not read.tags & {"script", "img"}
        assert "onerror" not in read.attributes
        assert "alert(1)" in read.text
        assert "{{ 7*7 }}" in read.text


def test_file_names_of_others_cannot_turn_their_direction(make: Callable[..., Receipt]) -> None:
    page = receipt_html(make(), name="流入\u202egpj.exe").decode()
    assert "\u202e" not in page
    assert "流入\ufffdgpj.exe" in page


# ---- distribution lists ----------------------------------------------------------------------------------------------


def test_the_list_is_canonical_and_tells_every_origin(listing: DistributionList) -> None:
    data = listing.to_json()
    document = json.loads(data)
    assert data == json.dumps(document, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()
    assert data == replace(listing).to_json()
    states = {row["origin"]: row["status"] for row in document["origins"]}
    assert len(states) == 31
    assert states["p63"] == "missing"
    assert states["p54"] == states["p66"] == "nil"
    assert document["totals"]["packages"] == len(document["packages"]) == 28
    assert document["totals"]["records"] == sum(p["records"] for p in document["packages"])
    assert document["totals"]["included"] + document["totals"]["nil"] + document["totals"]["missing"] == 31
    assert [row["replaces"] for row in document["replaces"]] == ["migrants-inflow_p44_p45_2026Q3_r1_00000000"]
    assert document["log"]["seq"] == 456
    assert "log" not in json.loads(replace(listing, log=None).to_json())


def test_the_list_of_a_released_batch(listing: DistributionList) -> None:
    released = Released(
        listing.distribution, listing.agreement, "2026Q3", 1, listing.receiver, listing.facts, listing.lines
    )
    made = DistributionList.of(
        released, label=listing.label, issuer=listing.issuer, issued_at=listing.issued_at, log=listing.log
    )
    assert made == listing


@pytest.mark.parametrize(
    "line",
    [
        Listed(PartyId("p11"), "included"),
        Listed(PartyId("p63"), "nil"),
        Listed(PartyId("p11"), "missing", records=3),
        Listed(PartyId("p91"), "nil", PackageId("x"), 1, "0" * 64, 9),
        Listed(PartyId("p91"), "included", PackageId("x"), 1, None, 9),
        Listed(PartyId("p91"), "included", PackageId("x; rm -rf ~"), 1, "0" * 64, 9),
        Listed(PartyId("p91"), "included", PackageId("../x"), 1, "0" * 64, 9),
    ],
)
def test_a_list_that_contradicts_itself_raises(listing: DistributionList, line: Listed) -> None:
    kept = tuple(old for old in listing.lines if old.origin != "p11")
    with pytest.raises(ValueError):
        replace(listing, lines=(*kept, line))


def test_a_package_listed_twice_raises(listing: DistributionList) -> None:
    with pytest.raises(ValueError, match="twice"):
        replace(listing, lines=(*listing.lines, listing.packages[0]))


def test_a_later_batch_names_what_went_out_before(listing: DistributionList) -> None:
    later = replace(listing, batch=2, lines=(Listed(PartyId("p11"), "included"), listing.packages[1]))
    assert later.origins("earlier") == ["p11"]
    assert later.totals()["packages"] == 1
    text = Text(distribution_page(later, NODE, Receiver("广西"), "zh")).text
    assert "已在此前批次发出：p11。" in text


def test_a_line_may_replace_several_packages(withdrawing: DistributionList, names: dict[str, str]) -> None:
    line = next(line for line in withdrawing.packages if line.replaces)
    old = str(line.replaces).split(" ")
    document = json.loads(withdrawing.to_json())
    assert document["replaces"] == [{"package": line.package, "replaces": each} for each in old]
    assert [package["replaces"] for package in document["packages"]] == [line.replaces]
    text = Text(distribution_page(withdrawing, NODE, Receiver("广西"), "zh", names)).text
    assert all(f"{each} {line.package}" in text for each in old)
    for spoiled in (f"{old[0]}  {old[1]}", f"{old[0]} ../x", f"{old[0]} {old[0]}", f" {old[0]}", str(line.package)):
        lines = tuple(replace(each, replaces=spoiled) if each.package else each for each in withdrawing.lines)
        with pytest.raises(ValueError, match="replace"):
            replace(withdrawing, lines=lines)


# ---- withdrawals -----------------------------------------------------------------------------------------------------


def test_the_list_and_the_form_carry_what_is_withdrawn(
    withdrawing: DistributionList, listing: DistributionList
) -> None:
    gone = [{"origin": w.origin, "package": w.package, "reason": w.reason} for w in withdrawing.withdrawn]
    document, form = json.loads(withdrawing.to_json()), json.loads(acknowledgement_form(withdrawing))
    assert document["withdrawn"] == form["withdrawn"] == gone
    assert document["totals"]["withdrawn"] == form["totals"]["withdrawn"] == 2
    assert {row["origin"]: row["status"] for row in document["origins"]}["p21"] == "missing"
    assert "已全部删除" in form["statement"]
    assert "are deleted" in form["statement_en"]
    assert "数量与摘要核对无误" in form["statement"]
    plain = json.loads(listing.to_json()) | json.loads(acknowledgement_form(listing))
    assert "withdrawn" not in plain
    assert "withdrawn" not in plain["totals"]
    assert "删除" not in plain["statement"]
    alone = replace(withdrawing, lines=tuple(line for line in withdrawing.lines if line.package is None))
    assert "摘要" not in json.loads(acknowledgement_form(alone))["statement"]
    fewer = replace(withdrawing, withdrawn=withdrawing.withdrawn[:1])
    assert acknowledgement_form(fewer) != acknowledgement_form(withdrawing)


def test_a_withdrawal_that_contradicts_the_list_raises(withdrawing: DistributionList) -> None:
    entry, own = withdrawing.withdrawn[0], withdrawing.packages[0].package
    for spoiled in (
        (entry, entry),
        (replace(entry, package=own),),
        (replace(entry, package=PackageId("../x")),),
        (replace(entry, reason="nonsense"),),  # type: ignore[arg-type]
    ):
        with pytest.raises(ValueError, match="withdrawn"):
            replace(withdrawing, withdrawn=spoiled)
    with pytest.raises(ValueError, match="first batch"):
        replace(withdrawing, batch=1, lines=withdrawing.packages)


def test_a_withdrawn_package_that_is_replaced_too_is_listed_in_both(withdrawing: DistributionList) -> None:
    old = str(withdrawing.packages[0].replaces).split(" ")[0]
    both = Withdrawn(PartyId("p44"), PackageId(old), "replaced")
    page = distribution_page(replace(withdrawing, withdrawn=(both,)), NODE, Receiver("广西"), "zh")
    assert "请改用本批中该来源的新交换包" in Text(page).text


def test_the_page_says_what_to_delete_why_and_how_to_check(
    withdrawing: DistributionList, names: dict[str, str]
) -> None:
    text = Text(distribution_page(withdrawing, NODE, GUANGXI, "zh", names)).text
    void, corrected = (entry.package for entry in withdrawing.withdrawn)
    order = [
        "撤回通知：请删除以前收到的 2 个交换包",
        "撤回通知涉及：河北、辽宁。",
        "第一步 核对清单的签名",
        "第二步 撤回通知：删除旧交换包",
        f"辽宁 {void}.tar.zst.gpg 来源单位已撤回原报送的数据。",
        f"河北 {corrected}.tar.zst.gpg 来源单位已更正，更正后没有发给你单位的记录。",
        "gateway:package_id",
        f'dir /s /b "{void}*"',
        f'find . -name "{void}*" -o -name "{corrected}*"',
        "第三步 打开交换包",
        "第四步 签收",
        "签名即确认：撤回通知所列的 2 个交换包已全部删除。",
        "✕ 撤回 ◇ 零报告",
        "✕ 撤回 ■ 尚缺",
    ]
    places = [text.find(piece) for piece in order]
    assert -1 not in places, order[places.index(-1)]
    assert places == sorted(places)
    alone = replace(withdrawing, lines=tuple(line for line in withdrawing.lines if line.package is None))
    text = Text(distribution_page(alone, NODE, GUANGXI, "zh", names)).text
    assert "并签收确认；本批没有新交换包" in text
    assert "第三步 签收" in text


def test_the_sheet_lists_what_is_withdrawn(withdrawing: DistributionList, names: dict[str, str]) -> None:
    text = Text(transmittal_sheet(withdrawing, NODE, GUANGXI, "zh", names, number="JJ-2")).text
    assert "另撤回以前批次的交换包 2 个" in text
    assert f"1 辽宁 来源撤回 {withdrawing.withdrawn[0].package}" in text
    assert f"2 河北 来源更正 {withdrawing.withdrawn[1].package}" in text
    many = tuple(Withdrawn(PartyId("p13"), PackageId(f"old{n}"), "void") for n in range(15))
    packages = tuple(Listed(PartyId(f"q{i}"), "included", PackageId(f"x{i}"), 1, f"{i:064x}", 9) for i in range(1, 41))
    full = replace(withdrawing, lines=packages, withdrawn=many)
    text = Text(transmittal_sheet(full, NODE, GUANGXI, "zh", number="JJ-3")).text
    assert "另有 3 个撤回的交换包未在此列出" in text
    assert "另有 20 个交换包未在此列出" in text


def test_names_of_the_batch_files(listing: DistributionList) -> None:
    assert list_name(listing, "广西") == "分发清单_2026Q3_第1批_广西.json"
    assert list_name(listing, "广西", suffix=".html") == "分发清单_2026Q3_第1批_广西.html"
    assert form_name(listing, "广西") == "签收单_2026Q3_跨省流入人口个案_第1批_广西.receipt.json"
    assert sheet_name(listing, "广西") == "交接单_2026Q3_第1批_广西.html"
    assert list_name(listing, "../x") == "分发清单_2026Q3_第1批__x.json"


def test_the_form_binds_the_list_and_every_package(listing: DistributionList) -> None:
    form = json.loads(acknowledgement_form(listing))
    assert form["stage"] == "acknowledged"
    assert form["list_sha256"] == sha256(listing.to_json()).hexdigest()
    assert [p["sha256"] for p in form["packages"]] == [line.sha256 for line in listing.packages]
    assert acknowledgement_form(listing) == acknowledgement_form(replace(listing))
    assert acknowledgement_form(replace(listing, lines=listing.lines[1:])) != acknowledgement_form(listing)


def test_the_list_page_says_how_to_open_and_to_sign(listing: DistributionList, names: dict[str, str]) -> None:
    text = Text(distribution_page(listing, NODE, replace(GUANGXI, key="C" * 40, file_name="广西"), "zh", names)).text
    first = listing.packages[0].package
    assert f"gpg --output {first}.tar.zst --decrypt {first}.tar.zst.gpg" in text
    assert f"zstd -d {first}.tar.zst" in text
    assert f"tar -xf {first}.tar" in text
    assert f'gpg --local-user {"C" * 40} --detach-sign "签收单_2026Q3_跨省流入人口个案_第1批_广西.receipt.json"' in text
    assert "“上报/签收”" in text
    assert "尚缺：青海。" in text
    assert "零报告（无数据）：西藏、兵团。" in text
    for line in listing.packages:
        assert " ".join((line.sha256 or "")[i : i + 8] for i in range(0, 64, 8)) in text


def test_the_sheet_carries_digests_and_places_to_sign(listing: DistributionList, names: dict[str, str]) -> None:
    page = transmittal_sheet(listing, NODE, GUANGXI, "zh", names, number="JJ-2026Q3-1-45")
    text = Text(page).text
    for word in ("JJ-2026Q3-1-45", "批准人", "移交人", "接收人", "盖章处", "年 月 日", "交换包 28 个", "87,829 条"):
        assert word in text, word
    for line in listing.packages:
        assert f"{(line.sha256 or '')[:8]} {(line.sha256 or '')[8:]}" in text
    assert sha256(listing.to_json()).hexdigest()[:8] in text
    many = tuple(Listed(PartyId(f"q{i}"), "included", PackageId(f"x{i}"), 1, f"{i:064x}", 9) for i in range(1, 41))
    text = Text(transmittal_sheet(replace(listing, lines=many), NODE, GUANGXI, "zh", number="JJ-2")).text
    assert "另有 8 个交换包未在此列出" in text


def test_dates_in_lines_do_not_break(make: Callable[..., Receipt]) -> None:
    assert f'<span class="nowrap">{date(2026, 10, 31)}</span>前补报' in receipt_html(make()).decode()
