"""Criteria: the weighted terms of an objective."""

from __future__ import annotations

import re

from stillhouse.torchdistill import codes, logits, maps, vectors
from stillhouse.torchdistill.ledger import Part
from stillhouse.torchdistill.places import Scope
from stillhouse.torchdistill.plain import FUNCTIONS, is_about_paraphraser, read_plain
from stillhouse.torchdistill.term import Entry, Read, ReadAll, Term, Terms, tidy

READERS: dict[str, Read] = {
    **dict.fromkeys(FUNCTIONS, read_plain),
    "KDLoss": logits.read_kd,
    "LogitStdKDLoss": logits.read_kd_standardised,
    "DISTLoss": vectors.read_pair("dist", {"beta": "beta", "gamma": "gamma", "tau": "temperature"}, {}),
    "DISTPlusLoss": logits.read_dist_plus,
    "SRDLoss": logits.read_srd,
    "AuxSSKDLoss": logits.read_sskd_head,
    "SSKDLoss": logits.read_sskd,
    "ATLoss": maps.read_at,
    "FSPLoss": maps.read_fsp,
    "AltActTransferLoss": maps.read_ab,
    "VIDLoss": maps.read_vid,
    "ChSimLoss": maps.read_ickd,
    "FTLoss": codes.read_ft,
    "SPKDLoss": vectors.read_pair("spkd", {}, {"row_norm": "l1"}, "output"),
    "PKTLoss": vectors.read_pair("pkt", {}, {}),
    "RKDLoss": vectors.read_rkd,
    "CCKDLoss": vectors.read_cckd,
    "CRDLoss": vectors.read_crd,
    "PADL2Loss": vectors.read_pad,
}
"""Criteria of torchdistill 1.1.5 that are terms of their own -> what reads them."""

TOGETHER: dict[str, ReadAll] = {
    "HierarchicalContextLoss": maps.read_review,
    "SKDInstanceLoss": logits.read_skd,
    "SKDDirectionLoss": logits.read_skd,
    codes.REGULARISATION: codes.read_autoencoder,
    **dict.fromkeys(codes.ADAPTATION, codes.read_adaptation),
}
"""Criteria of which several make one term -> what reads all of a stage."""


DEPARTURES = {
    "SPKDLoss": "torchdistill divides rows of similarities by their L1 norm, the paper by their L2 norm: `row_norm`",
    "CCKDLoss": "torchdistill takes the norm of kernels of embeddings of any length, the paper its square: `reduction`",
    "FSPLoss": "torchdistill sums the lengths of columns, the paper their squares: `reduction`",
    "ChSimLoss": "torchdistill divides by the batch twice: `reduction`",
    "SRDLoss": "two terms, of which torchdistill has the weight 2 and no factor T^2 inside",
}
"""Criteria that are not their papers', which the spec says by options -> what is different."""


def read_objective(criterion: Part, scope: Scope) -> Terms:
    """Return the terms of a stage."""
    waiting = _list_entries(criterion)
    objective: Terms = {}
    while waiting:
        entry = waiting[0]
        read_all = _find_together(entry)
        taken = [other for other in waiting if _find_together(other) is read_all] if read_all else [entry]
        waiting = [other for other in waiting if other not in taken]
        found = read_all(taken, scope) if read_all else _read_one(entry, scope)
        for name, term in found.items():
            _add(objective, name, term)
    return objective


def _list_entries(criterion: Part) -> list[Entry]:
    if criterion.find("key").take_name() != "WeightedSumLoss":
        return [_make_entry("term", criterion, criterion.nothing(), 1.0)]
    model_term = criterion.find("kwargs", "model_term", "weight")
    if model_term and model_term.take_number() != 0:
        model_term.lose("losses inside models are none here")
    return [
        _make_entry(name, part.find("criterion"), part.find("criterion_wrapper"), part.find("weight").take_number(1.0))
        for name, part in criterion.find("kwargs", "sub_terms").items()
    ]


def _make_entry(name: str, criterion: Part, wrapper: Part, weight: float) -> Entry:
    ours = re.sub(r"\W", "_", name.lower(), flags=re.ASCII)
    return Entry(ours, criterion.find("key").take_name(), criterion, wrapper, weight)


def _find_together(entry: Entry) -> ReadAll | None:
    return codes.read_autoencoder if is_about_paraphraser(entry) else TOGETHER.get(entry.key)


def _read_one(entry: Entry, scope: Scope) -> Terms:
    if entry.key in DEPARTURES:
        entry.criterion.find("key").note(DEPARTURES[entry.key])
    if entry.key in READERS:
        return READERS[entry.key](entry, scope)
    entry.criterion.lose(f"the criterion {entry.key!r} is none of ours: see `stillhouse methods`")
    entry.wrapper.take()
    return {}


def _add(objective: Terms, name: str, term: Term) -> None:
    """Add a term; cross-entropies with equal options are summed."""
    for known in objective.values():
        if {**known, "weight": 0} == {**term, "weight": 0} and term["method"] == "ce":
            known["weight"] = tidy(known["weight"] + term["weight"])
            return
    while name in objective:
        name += "_more"
    objective[name] = term
