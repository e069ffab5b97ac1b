"""What was found against what is true, counted by hand."""

from pipelines.kernels.span_scores import score_texts


def test_found_missed_right_wrong_and_kept_are_told_apart() -> None:
    text = "Ann Lee, Bob, Oslo, ACME, tea"
    truth = [(0, 7, "PERSON"), (9, 12, "NAME"), (14, 18, "GPE"), (20, 24, "ORGANIZATION")]
    marks = [(0, 7, "PERSON"), (14, 17, "LOCATION"), (20, 24, "PERSON"), (26, 29, "PERSON")]
    scores = score_texts([text], [truth], [marks])
    person, place = scores.by_type["PERSON"], scores.by_type["LOCATION"]
    assert (person.true, person.found, person.marked, person.right) == (2, 1, 2, 1)
    assert (place.true, place.found, place.marked, place.right) == (1, 0, 1, 1)
    assert (scores.leaking_texts, scores.leaked_chars, scores.true_chars) == (1, 4, 13)
    assert set(scores.by_type) == {"PERSON", "LOCATION"}


def test_covered_by_another_type_is_found_and_a_title_may_stay() -> None:
    scores = score_texts(["Mr. Lee"], [[(0, 7, "PERSON")]], [[(4, 7, "LOCATION")]])
    assert scores.overall.recall == 1.0
    assert scores.leaking_texts == 0


def test_f2_weighs_recall_and_has_an_interval() -> None:
    texts = ["Ann and tea"] * 40
    truth = [[(0, 3, "PERSON")]] * 40
    marks = [[(0, 3, "PERSON"), (8, 11, "PERSON")]] * 20 + [[(8, 11, "PERSON")]] * 20
    overall = score_texts(texts, truth, marks).overall
    assert (overall.recall, round(overall.precision, 3)) == (0.5, 0.333)
    assert round(overall.f2, 3) == 0.455
    low, high = overall.f2_interval
    assert 0.25 < low < overall.f2 < high < 0.65


def test_nothing_true_and_nothing_marked_is_perfect() -> None:
    scores = score_texts(["tea"], [[]], [[]])
    assert (scores.overall.recall, scores.overall.precision, scores.texts) == (1.0, 1.0, 1)
