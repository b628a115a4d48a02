from __future__ import annotations

from tests.server.house import House


def test_components_are_told_with_what_a_person_chooses_by(house: House) -> None:
    told = house.client.get("/v1/components").json()
    assert set(told) == {"models", "datasets", "methods", "recipes"}
    method = told["methods"]["crd"]
    assert "arXiv" in method["paper"]
    assert method["formula"]
    assert method["use"]
    assert method["cost"] > 0
    recipe = told["recipes"]["fitnet"]
    assert recipe["params"]["properties"]["hint_epochs"]["default"] == 30
    checked = house.client.post("/v1/specs/validate", json={"spec": recipe["example"]}).json()
    assert checked["problems"] == []
