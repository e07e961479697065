import json

import pytest

from include.candidates.catalogue import load_candidate, make_candidate, save_candidate
from include.errors import FixInputError, ModelUnusableError
from tests.unit.candidate_samples import VOCABULARY, WordEncoder, questions, word_encoders


def test_an_unknown_candidate_is_refused_with_the_known_ones():
    with pytest.raises(FixInputError, match="'magic'; choose from frequency, tfidf"):
        make_candidate("magic", None, word_encoders)


def test_an_unknown_parameter_is_refused_with_the_known_ones():
    with pytest.raises(FixInputError, match="no parameter 'depth'; it has: title_weight"):
        make_candidate("tfidf", {"depth": 3}, word_encoders)


def test_a_parameter_of_the_wrong_type_is_refused():
    with pytest.raises(FixInputError, match="penalty must be float, got 'big'"):
        make_candidate("tfidf", {"penalty": "big"}, word_encoders)


def test_an_integer_is_accepted_for_a_float():
    assert make_candidate("tfidf", {"penalty": 2}, word_encoders).get_params()["penalty"] == 2.0


def test_an_encoder_that_does_not_exist_is_refused_before_training():
    with pytest.raises(FixInputError, match="some of bert, use, got 'elmo'"):
        make_candidate("hybrid", {"encoders": "elmo"}, word_encoders)


def test_a_folder_in_use_is_not_written_into(tmp_path):
    texts, tags = questions(10)
    candidate = make_candidate("frequency", None, word_encoders).fit(texts, tags, VOCABULARY)
    (tmp_path / "old.npy").write_bytes(b"x")

    with pytest.raises(FixInputError, match="is not empty"):
        save_candidate(candidate, tmp_path, {})


def test_a_folder_without_description_is_unusable(tmp_path):
    with pytest.raises(ModelUnusableError, match=r"candidate\.json"):
        load_candidate(tmp_path, word_encoders)


def test_a_folder_of_an_unknown_candidate_is_unusable(tmp_path):
    (tmp_path / "candidate.json").write_text(json.dumps({"candidate": "magic"}))

    with pytest.raises(ModelUnusableError, match="'magic'"):
        load_candidate(tmp_path, word_encoders)


def test_arrays_of_another_model_make_it_unusable(tmp_path):
    texts, tags = questions()
    for folder, vocabulary in (("all", VOCABULARY), ("two", VOCABULARY[:2])):
        candidate = make_candidate("tfidf", None, word_encoders).fit(texts, tags, vocabulary)
        save_candidate(candidate, tmp_path / folder, {})
    (tmp_path / "all" / "term_weights.npy").write_bytes(
        (tmp_path / "two" / "term_weights.npy").read_bytes()
    )

    with pytest.raises(ModelUnusableError, match="different models"):
        load_candidate(tmp_path / "all", word_encoders)


def test_another_version_of_the_encoder_makes_it_unusable(tmp_path):
    texts, tags = questions()
    candidate = make_candidate("bert", None, word_encoders).fit(texts, tags, VOCABULARY)
    save_candidate(candidate, tmp_path / "bert", {})

    def newer(name: str) -> WordEncoder:
        encoder = WordEncoder(name)
        encoder.name = f"{name}:words-2"
        return encoder

    with pytest.raises(ModelUnusableError, match=r"words-1.*words-2"):
        load_candidate(tmp_path / "bert", newer)


def test_above_the_limit_only_the_latest_questions_are_used():
    texts, tags = questions(60)
    limited = make_candidate("tfidf", {"max_questions": 20}, word_encoders)
    latest = make_candidate("tfidf", None, word_encoders)

    limited.fit(texts, tags, VOCABULARY)
    latest.fit(texts[-20:], tags[-20:], VOCABULARY)

    assert (limited.score(texts[:5]) == latest.score(texts[:5])).all()
