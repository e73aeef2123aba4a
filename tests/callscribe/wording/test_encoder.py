"""The encoder computes what its weights say."""

import math

import numpy as np

from callscribe.wording.encoder import Encoder, _erf
from callscribe.wording.word_pieces import WordPieces
from tests.callscribe.wording.weights import SIZE, VOCABULARY, tiny_weights

PIECES = WordPieces({piece: number for number, piece in enumerate(VOCABULARY)})


def test_a_text_has_the_mean_and_the_maximum_of_its_pieces_and_their_order_matters() -> None:
    encoder = Encoder(tiny_weights(), PIECES)

    encoded = encoder.encode("more drops please")

    assert encoded.shape == (2 * SIZE,)
    assert (encoded[SIZE:] >= encoded[:SIZE]).all()
    assert not np.allclose(encoded, encoder.encode("please drops more"), atol=1e-2)


def test_the_error_function_is_right_to_single_precision() -> None:
    values = np.linspace(-5, 5, 1001, dtype=np.float32)

    np.testing.assert_allclose(_erf(values), [math.erf(value) for value in values], atol=5e-7)
