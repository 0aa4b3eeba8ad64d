"""GenBank and EMBL: joins, the origin, fuzzy ends, names, lines, and files that are cut."""

from __future__ import annotations

import io
import random
import re

import pytest
from Bio import SeqIO
from Bio.Seq import Seq
from Bio.SeqFeature import CompoundLocation, SeqFeature, SimpleLocation
from Bio.SeqRecord import SeqRecord
from hypothesis import given, strategies as st

from dnabirnn.errors import LabelError
from dnabirnn.intervals.bed import BED_SCHEMA
from dnabirnn.labels.formats.features import Selection
from dnabirnn.labels.formats.genbank import read_embl, read_genbank


def genbank(features, *, topology="circular", version="X1.2", length=100, locus="X1"):
    """Text of a record; features are locations with their qualifiers, each of type REP."""
    table = "".join(
        f"     {kind:<16}{place}\n" + "".join(f"                     /{q}\n" for q in qualifiers)
        for kind, place, *qualifiers in features
    )
    return (
        f"LOCUS       {locus:<16} {length:>11} bp    DNA     {topology:<8} BCT 01-JAN-2020\n"
        f"DEFINITION  sites.\nACCESSION   {locus}\nVERSION     {version}\n"
        f"FEATURES             Location/Qualifiers\n{table}CONTIG      join(Y1.1:1..{length})\n//\n"
    )


def read(text, **options):
    return read_genbank([text.encode()], "in.gb", Selection(**options))


def places(features):
    return features.frame.select("start", "end", "strand").rows()


PLACES = [
    ("5..9", [(4, 9, "+")], [(4, 9, "+")]),
    ("complement(5..9)", [(4, 9, "-")], [(4, 9, "-")]),
    ("7", [(6, 7, "+")], [(6, 7, "+")]),
    ("1..100", [(0, 100, "+")], [(0, 100, "+")]),
    # Fuzzy ends are the bases that they name.
    ("<1..30", [(0, 30, "+")], [(0, 30, "+")]),
    ("complement(<5..>9)", [(4, 9, "-")], [(4, 9, "-")]),
    ("(5.7)..(9.12)", [(4, 12, "+")], [(4, 12, "+")]),
    ("one-of(5,8)..9", [(4, 9, "+")], [(4, 9, "+")]),
    # Between two bases there is none.
    ("5^6", [(5, 5, "+")], [(5, 5, "+")]),
    ("100^1", [(100, 100, "+")], [(100, 100, "+")]),
    # Parts.
    ("join(5..9,20..30)", [(4, 9, "+"), (19, 30, "+")], [(4, 30, "+")]),
    ("order(5..9,20..30)", [(4, 9, "+"), (19, 30, "+")], [(4, 30, "+")]),
    ("complement(join(5..9,20..30))", [(19, 30, "-"), (4, 9, "-")], [(4, 30, "-")]),
    ("join(complement(20..30),complement(5..9))", [(19, 30, "-"), (4, 9, "-")], [(4, 30, "-")]),
    (
        "join(complement(20..30),5..9)",
        [(19, 30, "-"), (4, 9, "+")],
        [(19, 30, "-"), (4, 9, "+")],
    ),
    # Across the origin.
    ("join(91..100,1..10)", [(90, 100, "+"), (0, 10, "+")], [(90, 100, "+"), (0, 10, "+")]),
    (
        "join(81..90,95..100,1..10,20..30)",
        [(80, 90, "+"), (94, 100, "+"), (0, 10, "+"), (19, 30, "+")],
        [(80, 100, "+"), (0, 30, "+")],
    ),
    (
        "complement(join(91..100,1..10))",
        [(0, 10, "-"), (90, 100, "-")],
        [(90, 100, "-"), (0, 10, "-")],
    ),
    (
        "join(complement(1..10),complement(91..100))",
        [(0, 10, "-"), (90, 100, "-")],
        [(90, 100, "-"), (0, 10, "-")],
    ),
    ("91..10", [(90, 100, "+"), (0, 10, "+")], [(90, 100, "+"), (0, 10, "+")]),
    ("complement(91..10)", [(0, 10, "-"), (90, 100, "-")], [(90, 100, "-"), (0, 10, "-")]),
    ("91..110", [(90, 100, "+"), (0, 10, "+")], [(90, 100, "+"), (0, 10, "+")]),
    # On another record.
    ("J00194.1:5..9", [], []),
    ("join(J00194.1:5..9,20..30)", [(19, 30, "+")], [(19, 30, "+")]),
    ("join(X1.2:5..9,20..30)", [(4, 9, "+"), (19, 30, "+")], [(4, 30, "+")]),
]


@pytest.mark.parametrize(("place", "parts", "spanned"), PLACES)
def test_places(place, parts, spanned):
    text = genbank([("source", "1..100"), ("REP", place)])
    features = read(text)
    assert features.frame.schema == BED_SCHEMA
    assert places(features) == parts
    assert places(read(text, span=True)) == spanned
    assert features.landmarks == 1
    assert features.types == {"source", "REP"}
    # A place may go on in the next line.
    broken = text.replace(",", ",\n                     ") if "," in place else text
    assert places(read(broken)) == parts


def test_what_goes_past_the_end_of_no_circle():
    assert places(read(genbank([("REP", "91..110")], topology="linear"))) == [(90, 110, "+")]
    backwards = "join(91..100,1..10)"
    assert places(read(genbank([("REP", backwards)], topology="linear"), span=True)) == [
        (0, 100, "+")
    ]


@given(
    st.lists(
        st.tuples(
            st.sampled_from([1, -1]),
            st.lists(st.integers(0, 100), min_size=2, max_size=8, unique=True).map(sorted),
        ),
        min_size=1,
        max_size=5,
    ),
    st.sampled_from(["genbank", "embl"]),
)
def test_places_that_biopython_writes(drawn, form):
    """Bases of a feature are those that Biopython lists."""
    record = SeqRecord(Seq("A" * 100), "X1.2", "X1")
    record.annotations["molecule_type"] = "DNA"
    for strand, edges in drawn:
        pairs = zip(edges[::2], edges[1::2], strict=False)
        parts = [SimpleLocation(start, end, strand) for start, end in pairs]
        parts = parts[::strand]
        place = parts[0] if len(parts) == 1 else CompoundLocation(parts)
        record.features.append(SeqFeature(place, "REP"))
    text = io.StringIO()
    SeqIO.write([record], text, form)
    reader = read_genbank if form == "genbank" else read_embl
    features = reader([text.getvalue().encode()], "x", Selection())
    for (line, own), feature in zip(
        features.frame.group_by("line", maintain_order=True), record.features, strict=True
    ):
        rows = own.select("start", "end").iter_rows()
        bases = [base for start, end in rows for base in range(start, end)]
        assert sorted(bases) == sorted(feature.location)
        assert text.getvalue().splitlines()[line[0] - 1][5:8] == "REP"


def test_classes():
    text = genbank([
        ("gene", "1..5", 'gene="a"', 'gene_synonym="b; c"'),
        ("REP", "11..15", 'rpt_family="X"', 'rpt_family="Y"', 'rpt_family="X"'),
        ("REP", "21..25", "pseudo", 'note="over two\n                     lines"'),
    ])  # fmt: skip
    assert read(text).frame["name"].to_list() == ["gene", "REP", "REP"]
    assert read(text, class_column="type").frame["name"].to_list() == ["gene", "REP", "REP"]
    family = read(text, class_column="rpt_family")
    assert family.frame.select("start", "name").rows() == [
        (0, None),
        (10, "X"),
        (10, "Y"),
        (20, None),
    ]
    assert family.place == "qualifier 'rpt_family'"
    noted = read(text, class_column="note", feature_types=("REP",)).frame["name"].to_list()
    assert noted == [None, "over two lines"]
    assert read(text, class_column="pseudo", feature_types=("REP",)).frame["name"].to_list() == [
        None, None,
    ]  # fmt: skip
    assert read(text, class_name="z").frame["name"].to_list() == ["z"] * 3
    asked = read(genbank([("source", "1..100")]), feature_types=("source",))
    assert (asked.landmarks, asked.frame["name"].to_list()) == (0, ["source"])


def test_lines_are_where_features_begin():
    first = genbank(
        [("gene", "1..5", 'note="x'), ("REP", "join(1..5,\n                     9..10)")]
    )
    first = first.replace('/note="x', '/note="FEATURES\n                     ORIGIN"')
    second = genbank([("REP", "7..9")], version="X2.1", locus="X2")
    text = first + "\n" + second
    features = read(text)
    lines = text.splitlines()
    assert features.frame["chrom"].to_list() == ["X1.2"] * 3 + ["X2.1"]
    for line, name in features.frame.select("line", "name").iter_rows():
        assert lines[line - 1].split()[0] == name


def test_names_and_lengths():
    text = genbank([("REP", "1..5")], version="NC_1.3", locus="NC_1")
    features = read(text)
    assert features.lengths == {"NC_1.3": 100}
    assert features.owners == {"NC_1": {"NC_1.3"}}
    other = genbank([("REP", "1..5")], version="NC_2.1", locus="chrom2").replace(
        "ACCESSION   chrom2", "ACCESSION   NC_2 XX_9"
    )
    both = read(text + other)
    assert both.owners == {"NC_1": {"NC_1.3"}, "NC_2": {"NC_2.1"}, "chrom2": {"NC_2.1"}}
    # One LOCUS for two records is a name of neither.
    third = genbank([], version="NC_2.1", locus="NC_1").replace(
        "ACCESSION   NC_1", "ACCESSION   NC_2"
    )
    assert read(text + third).owners["NC_1"] == {"NC_1.3", "NC_2.1"}


@pytest.mark.parametrize("version", ["", "."])
def test_a_record_without_a_version(version):
    text = genbank([("REP", "1..5")], locus="contig_7", version=version)
    features = read(text)
    assert features.frame["chrom"].to_list() == ["contig_7"]
    assert features.lengths == {"contig_7": 100}


EMBL = """\
ID   X56734; SV 1; circular; genomic DNA; STD; PLN; 100 BP.
XX
AC   X56734; S46826;
XX
FH   Key             Location/Qualifiers
FH
FT   source          1..100
FT   REP             join(91..100,1..10)
FT                   /rpt_family="a b"
FT   REP             complement(<5..9)
XX
SQ   Sequence 100 BP; 100 A; 0 C; 0 G; 0 T; 0 other;
     aaaaaaaaaa aaaaaaaaaa aaaaaaaaaa aaaaaaaaaa aaaaaaaaaa aaaaaaaaaa        60
     aaaaaaaaaa aaaaaaaaaa aaaaaaaaaa aaaaaaaaaa                            100
//
"""


def test_embl():
    features = read_embl([EMBL.encode()], "in.embl", Selection())
    assert features.frame.select("chrom", "start", "end", "strand", "line").rows() == [
        ("X56734.1", 90, 100, "+", 8),
        ("X56734.1", 0, 10, "+", 8),
        ("X56734.1", 4, 9, "-", 10),
    ]
    assert features.lengths == {"X56734.1": 100}
    assert features.owners == {"X56734": {"X56734.1"}}


@pytest.mark.parametrize("step", [1, 7, 64, 10_000])
def test_blocks_may_be_cut_anywhere(step):
    text = genbank([("REP", "1..5"), ("IS", "7..9")]) + genbank([("REP", "3..4")], version="Y1.1")
    data = text.encode()
    blocks = [data[i : i + step] for i in range(0, len(data), step)]
    assert read_genbank(blocks, "x", Selection()).frame.equals(read(text).frame)


def with_sequence(text, sequence="a" * 100):
    origin = "ORIGIN\n" + "".join(
        f"{i + 1:>9} {sequence[i : i + 60]}\n" for i in range(0, len(sequence), 60)
    )
    return re.sub(r"CONTIG.*\n", origin, text)


BAD = {
    "two places": (
        genbank([("REP", "5..9,11")]),
        r"in\.gb, lines 6 to 7: cannot be read; correct this feature, or leave it out",
    ),
    "no place": (
        genbank([("source", "1..100"), ("REP", "5..x")]),
        r"in\.gb, line 7: REP of record 'X1.2': .*'5\.\.x'.*; fix it",
    ),
    "backwards": (
        genbank([("REP", "91..10")], topology="linear"),
        r"in\.gb, line 6: REP of record 'X1.2': .*spans the origin.*; fix it",
    ),
    "twice": (
        genbank([("REP", "1..5")]) * 2,
        r"in\.gb: record 'X1.2' occurs twice; give each contig once",
    ),
    "no end": (genbank([("REP", "1..5")]).replace("//\n", ""), "fetch or export the file again"),
    "cut in the features": (
        genbank([("REP", "1..5"), ("REP", "7..9")]).partition("7..")[0],
        "fetch or export the file again",
    ),
    "cut in the sequence": (
        with_sequence(genbank([("REP", "1..5")]))[:-30],
        "fetch or export the file again",
    ),
    "sequence too short": (
        with_sequence(genbank([("REP", "1..5")]), "a" * 90),
        "record 'X1.2': Expected sequence length 100, found 90",
    ),
    "empty": ("\n", r"in\.gb: no records; give GenBank"),
    "other text": ("nothing\n", "no records"),
    "a wrong LOCUS": ("LOCUS       X1 y bp\n//\n", r"in\.gb, line 1: "),
    "too long for its circle": (
        genbank([("REP", "5..190")]),
        "line 6: X1.2:4-190 is longer than the circular contig",
    ),
    "no text": (genbank([("REP", "1..5")]).replace("sites", "si\0tes"), "not a text file"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_files(name):
    text, message = BAD[name]
    with pytest.raises(LabelError, match=message) as caught:
        read(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("form", ["genbank", "embl"])
def test_damage_is_always_an_error_of_ours(form):
    """Characters changed, lines lost, ends cut: read, or refused in one line; never a traceback."""
    text = with_sequence(genbank([("gene", "<1..30", 'gene="a"'), ("REP", "join(91..100,1..9)")]))
    text, reader = (text, read_genbank) if form == "genbank" else (EMBL, read_embl)
    random_state = random.Random(form)
    refused = read_whole = 0
    for _ in range(600):
        damaged = list(text)
        for _ in range(random_state.randint(1, 4)):
            place = random_state.randrange(len(damaged))
            damaged[place] = random_state.choice(["", "\n", " ", "x", "9", ")", '"', "//\n"])
        cut = len(damaged) if random_state.random() < 0.7 else random_state.randrange(len(damaged))
        try:
            reader(["".join(damaged[:cut]).encode()], "x", Selection(span=True))
        except LabelError as error:
            refused += "\n" not in str(error)
        else:
            read_whole += 1
    assert refused > 0 < read_whole
    assert refused + read_whole == 600


@pytest.mark.parametrize(
    ("feature", "message"),
    [
        ("gene            1..10,", "lines 6 to 7: Problem with .*; correct this feature"),
        ("gene            1..10(+)", "lines 6 to 9: cannot be read; correct this feature"),
        ("gene            1-10", "line 6: gene of record 'p.1': .*'1-10'; fix it"),
        ('gene            1..10\n                     /note="x', "lines 6 to 8: Problem with 'gen"),
        ("gene            1..10\n                     note", "lines 6 to 8: .* or leave it out"),
        ("gene\t1..10", "cannot be separated; indent them with spaces"),
    ],
)  # fmt: skip
def test_the_lines_of_a_wrong_feature(feature, message):
    text = (
        "LOCUS       p 10 bp DNA linear\nDEFINITION  x.\nACCESSION   p\nVERSION     p.1\n"
        f"FEATURES             Location/Qualifiers\n     {feature}\n"
        '     REP             1..5\n                     /note="y"\n'
        "ORIGIN\n        1 acgtacgtac\n//\n"
    )
    with pytest.raises(LabelError, match=message) as caught:
        read_genbank([text.encode()], "in.gb", Selection())
    assert "\n" not in str(caught.value)


def test_a_message_does_not_hold_the_sequence():
    text = (
        "ID   p; SV 1; linear; DNA; STD; UNC; 9 BP.\nFH\nFT   REP             1..5\nSQ\n"
        + "a" * 100_000
        + "\n//\n"
    )
    with pytest.raises(LabelError, match=r"in\.embl, lines? ") as caught:
        read_embl([text.encode()], "in.embl", Selection())
    assert len(str(caught.value)) < 400
