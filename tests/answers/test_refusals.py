"""What servers answer where a text-only model is sent images."""

from __future__ import annotations

import httpx
import pytest

from mmrerank import APIConnectionError, AuthenticationError, ImageError
from mmrerank.answers.refusals import image_refusal, model_errors


class ProviderError(Exception):
    def __init__(self, message, status_code=None, response=None):
        super().__init__(message)
        self.status_code = status_code
        self.response = response


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (400, "Invalid content type. image_url is only supported by certain models."),
        (400, "m is not a multimodal model"),
        (404, "No endpoints found that support image input"),
        (422, "unknown variant `image_url`, expected `text`"),
        (500, "image input is not supported - hint: you may need to provide the mmproj"),
    ],
)
def test_it_names_the_way_out(status, message):
    for error in (
        ProviderError(message, status),
        ProviderError(message, response=httpx.Response(status)),
    ):
        refusal = image_refusal(error)
        assert message in str(refusal)
        assert 'images="words"' in str(refusal)


@pytest.mark.parametrize("status", [None, 401, 429, 503])
def test_other_errors_are_others(status):
    assert image_refusal(ProviderError("image quota", status)) is None
    assert image_refusal(ProviderError("max_tokens is too large", 400)) is None


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (404, "The model `gpt-4-vision` does not exist"),
        (404, 'model "llava-multimodal:7b" not found, try pulling it first'),
        (500, "failed to provision a machine"),
    ],
)
def test_words_that_only_look_like_images_are_no_refusal(status, message):
    assert image_refusal(ProviderError(message, status)) is None


def test_secrets_are_taken_out_of_the_message():
    error = ProviderError("image refused for key geheim-0123", 400)
    refusal = image_refusal(error, lambda text: text.replace("geheim-0123", "***"))
    assert "key ***" in str(refusal)


def test_a_missing_model_is_no_refusal_whatever_its_name():
    assert image_refusal(ProviderError("The model `gpt-vision` does not exist", 404)) is None
    assert image_refusal(ProviderError('model "image-7b" not found, try pulling it', 404)) is None


def test_errors_of_a_model_become_ours_and_others_stay():
    with (
        pytest.raises(AuthenticationError, match="m: no key") as caught,
        model_errors("m", has_images=True),
    ):
        raise ProviderError("no key", 401)
    assert isinstance(caught.value.__cause__, ProviderError)
    with pytest.raises(APIConnectionError, match="m: gone"), model_errors("m", has_images=True):
        raise ConnectionResetError("gone")
    with pytest.raises(KeyError), model_errors("m", has_images=True):
        raise KeyError("of the caller's own code")
    with pytest.raises(ImageError), model_errors("m", has_images=True):
        raise ImageError("a.png", "is gone")
