"""What cv_bridge must do, from its public documentation, for every encoding that Aisle uses."""

import array

import cv2
import numpy as np
import pytest
from cv_bridge import CvBridge, CvBridgeError
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header

BRIDGE = CvBridge()
ENCODINGS = {
    "mono8": ("uint8", 1),
    "8UC1": ("uint8", 1),
    "mono16": ("uint16", 1),
    "16UC1": ("uint16", 1),
    "32FC1": ("float32", 1),
    "8UC3": ("uint8", 3),
    "bgr8": ("uint8", 3),
    "rgb8": ("uint8", 3),
    "bgra8": ("uint8", 4),
    "rgba8": ("uint8", 4),
}
OTHERS = {
    "8U": ("uint8", 1),
    "16SC2": ("int16", 2),
    "64FC4": ("float64", 4),
    "8UC7": ("uint8", 7),
    "rgb16": ("uint16", 3),
}


def picture(encoding, height=5, width=7):
    """A random image of the encoding; its values differ in every byte."""
    dtype, channels = (ENCODINGS | OTHERS)[encoding]
    rng = np.random.default_rng(7)
    image = rng.integers(0, 256, (height, width, channels * np.dtype(dtype).itemsize), np.uint8)
    if dtype.startswith("float"):
        image = rng.normal(size=(height, width, channels)).astype(dtype)
    return image.view(dtype).reshape((height, width) if channels == 1 else (height, width, channels))


def message(image, encoding, padding=0, big_endian=False):
    """An Image message made by hand, with padding bytes after each row."""
    rows = image.astype(image.dtype.newbyteorder(">" if big_endian else "<")).reshape(len(image), -1).view(np.uint8)
    rows = np.pad(rows, ((0, 0), (0, padding)), constant_values=99)
    return Image(
        height=image.shape[0],
        width=image.shape[1],
        encoding=encoding,
        is_bigendian=int(big_endian),
        step=rows.shape[1],
        data=array.array("B", rows.tobytes()),
    )


def assert_same(image, expected):
    assert image.dtype == expected.dtype
    assert image.dtype.isnative
    assert image.flags.c_contiguous
    np.testing.assert_array_equal(image, expected)


@pytest.mark.parametrize(("encoding", "dtype_and_channels"), (ENCODINGS | OTHERS).items())
def test_encodings_have_a_dtype_and_channels(encoding, dtype_and_channels):
    assert BRIDGE.encoding_to_dtype_with_channels(encoding) == dtype_and_channels


@pytest.mark.parametrize("padding", [0, 3, 64])
@pytest.mark.parametrize("big_endian", [False, True])
@pytest.mark.parametrize("encoding", ENCODINGS | OTHERS)
def test_messages_become_arrays(encoding, big_endian, padding):
    image = picture(encoding)
    assert_same(BRIDGE.imgmsg_to_cv2(message(image, encoding, padding, big_endian)), image)


@pytest.mark.parametrize("encoding", ENCODINGS | OTHERS)
def test_arrays_become_messages(encoding):
    image = picture(encoding)
    header = Header(frame_id="camera")
    made, by_hand = BRIDGE.cv2_to_imgmsg(image, encoding, header), message(image, encoding)
    by_hand.header = header
    assert made == by_hand


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_passthrough_names_the_array_type(encoding):
    made = BRIDGE.cv2_to_imgmsg(picture(encoding))
    dtype, channels = ENCODINGS[encoding]
    assert made.encoding == {"uint8": "8U", "uint16": "16U", "float32": "32F"}[dtype] + f"C{channels}"
    assert made.header == Header()


def test_a_single_channel_in_the_shape_is_no_third_dimension_when_it_comes_back():
    image = picture("mono8")
    assert_same(BRIDGE.imgmsg_to_cv2(BRIDGE.cv2_to_imgmsg(image[:, :, None], "mono8")), image)


def test_views_are_written_in_row_order():
    image = picture("bgr8", 10, 12)[::2, ::-3]
    assert_same(BRIDGE.imgmsg_to_cv2(BRIDGE.cv2_to_imgmsg(image, "bgr8")), image)


def test_a_big_endian_array_stays_so_in_the_message():
    depth = picture("16UC1")
    made = BRIDGE.cv2_to_imgmsg(depth.astype(">u2"), "16UC1")
    assert made == message(depth, "16UC1", big_endian=True)


def test_reading_copies_nothing_where_nothing_must_change():
    made = message(picture("16UC1"), "16UC1")
    assert np.shares_memory(BRIDGE.imgmsg_to_cv2(made), np.frombuffer(made.data, np.uint8))
    assert not np.shares_memory(BRIDGE.imgmsg_to_cv2(made, "16UC1"), np.frombuffer(made.data, np.uint8))


def test_an_image_without_rows_goes_both_ways():
    assert BRIDGE.imgmsg_to_cv2(BRIDGE.cv2_to_imgmsg(np.zeros((0, 4, 3), np.uint8))).shape == (0, 4, 3)


# --- conversions --------------------------------------------------------------------------------------------------

BLUE_GREEN_RED = (10, 200, 60)
PIXELS = {
    "bgr8": BLUE_GREEN_RED,
    "rgb8": BLUE_GREEN_RED[::-1],
    "bgra8": (*BLUE_GREEN_RED, 255),
    "rgba8": (*BLUE_GREEN_RED[::-1], 255),
}
COLOURS = ["bgr8", "rgb8", "bgra8", "rgba8"]


def one_colour(encoding, pixel):
    dtype, channels = ENCODINGS[encoding]
    return np.full((2, 3) if channels == 1 else (2, 3, channels), pixel, dtype)


@pytest.mark.parametrize("source", COLOURS)
@pytest.mark.parametrize("target", COLOURS)
def test_colours_are_reordered(source, target):
    made = message(one_colour(source, PIXELS[source]), source)
    assert_same(BRIDGE.imgmsg_to_cv2(made, target), one_colour(target, PIXELS[target]))


@pytest.mark.parametrize("source", COLOURS)
def test_colours_become_grey_by_luminance(source):
    grey = BRIDGE.imgmsg_to_cv2(message(one_colour(source, PIXELS[source]), source), "mono8")
    blue, green, red = BLUE_GREEN_RED
    assert grey.shape == (2, 3)
    np.testing.assert_allclose(grey, 0.299 * red + 0.587 * green + 0.114 * blue, atol=1)


@pytest.mark.parametrize("target", COLOURS)
def test_grey_becomes_a_colour(target):
    made = message(one_colour("mono8", 80), "mono8")
    alpha = (255,) if target in ("bgra8", "rgba8") else ()
    assert_same(BRIDGE.imgmsg_to_cv2(made, target), one_colour(target, (80, 80, 80, *alpha)))


def test_eight_and_sixteen_bits_span_the_same_range():
    eight = np.arange(256, dtype=np.uint8).reshape(16, 16)
    sixteen = eight.astype(np.uint16) * 257
    assert_same(BRIDGE.imgmsg_to_cv2(message(eight, "mono8"), "mono16"), sixteen)
    assert_same(BRIDGE.imgmsg_to_cv2(message(sixteen, "mono16"), "mono8"), eight)
    between = np.array([[128, 129, 65535 - 128, 65535 - 129]], np.uint16)
    assert_same(BRIDGE.imgmsg_to_cv2(message(between, "mono16"), "mono8"), np.array([[0, 1, 255, 254]], np.uint8))


def test_colour_becomes_sixteen_bit_grey():
    grey = BRIDGE.imgmsg_to_cv2(message(one_colour("rgb8", (80, 80, 80)), "rgb8"), "mono16")
    assert_same(grey, np.full((2, 3), 80 * 257, np.uint16))


def test_numbers_that_are_no_colours_keep_their_value_and_saturate():
    depth = np.array([[0.4, 0.6, 2.5, -3, 7e4, np.nan, np.inf, -np.inf]], np.float32)
    expected = np.array([[0, 1, 2, 0, 65535, 0, 0, 0]], np.uint16)
    assert_same(BRIDGE.imgmsg_to_cv2(message(depth, "32FC1"), "16UC1"), expected)
    millimetres = picture("16UC1")
    assert_same(BRIDGE.imgmsg_to_cv2(message(millimetres, "16UC1"), "32FC1"), millimetres.astype(np.float32))


def test_a_colour_is_readable_as_plain_channels():
    image = picture("rgb8")
    assert_same(BRIDGE.imgmsg_to_cv2(message(image, "rgb8"), "8UC3"), image)


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("8UC3", "bgr8"),
        ("16UC1", "mono16"),
        ("32FC1", "mono8"),
        ("rgb8", "8UC1"),
        ("8UC3", "8UC1"),
        ("rgb8", "nonsense"),
    ],
)
def test_conversions_without_meaning_are_refused(source, target):
    with pytest.raises(CvBridgeError, match=target):
        BRIDGE.imgmsg_to_cv2(message(picture(source), source), target)


# --- what is wrong ------------------------------------------------------------------------------------------------


def changed(**fields):
    made = message(picture("16UC1"), "16UC1")
    for name, value in fields.items():
        setattr(made, name, value)
    return made


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        (changed(encoding="nonsense"), "nonsense"),
        (changed(encoding="8UC0"), "8UC0"),
        (changed(encoding=""), "unknown image encoding"),
        (changed(width=8), "step 14 is less than a row of 8 pixels of 16UC1"),
        (changed(encoding="32FC1"), "step 14"),
        (changed(height=6), "70 bytes of data are less than 6 rows of step 14"),
        (changed(data=array.array("B")), "0 bytes"),
    ],
)
def test_messages_that_contradict_themselves_are_refused(broken, says):
    with pytest.raises(CvBridgeError, match=says):
        BRIDGE.imgmsg_to_cv2(broken)


@pytest.mark.parametrize("encoding", ["bgra8", "mono8", "16UC3", "nonsense"])
def test_an_encoding_that_does_not_fit_the_array_is_refused(encoding):
    with pytest.raises(CvBridgeError, match=encoding):
        BRIDGE.cv2_to_imgmsg(picture("bgr8"), encoding)


@pytest.mark.parametrize(
    "no_image", [np.zeros(4, np.uint8), np.zeros((2, 2, 3, 1), np.uint8), np.zeros((2, 2), np.int64)]
)
def test_arrays_that_are_no_images_are_refused(no_image):
    with pytest.raises(CvBridgeError):
        BRIDGE.cv2_to_imgmsg(no_image)


@pytest.mark.parametrize("convert", [BRIDGE.cv2_to_imgmsg, BRIDGE.cv2_to_compressed_imgmsg])
def test_what_is_no_array_is_a_type_error(convert):
    with pytest.raises(TypeError, match="list"):
        convert([[1, 2], [3, 4]])


# --- compressed ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["mono8", "16UC1", "bgr8", "bgra8"])
def test_png_keeps_every_pixel(encoding):
    image = picture(encoding)
    made = BRIDGE.cv2_to_compressed_imgmsg(image, "png")
    assert made.format == "png"
    assert bytes(made.data[1:4]) == b"PNG"
    assert_same(BRIDGE.compressed_imgmsg_to_cv2(made), image)


def test_jpeg_is_the_default_and_converts_from_bgr():
    image = cv2.GaussianBlur(picture("bgr8", 64, 64), (0, 0), 9)
    made = BRIDGE.cv2_to_compressed_imgmsg(image)
    assert made.format == "jpg"
    np.testing.assert_allclose(BRIDGE.compressed_imgmsg_to_cv2(made), image, atol=8)
    np.testing.assert_allclose(BRIDGE.compressed_imgmsg_to_cv2(made, "rgb8"), image[:, :, ::-1], atol=8)


def test_broken_or_unwritable_compressed_images_are_refused():
    with pytest.raises(CvBridgeError, match="no image"):
        BRIDGE.compressed_imgmsg_to_cv2(CompressedImage(format="jpg", data=array.array("B", b"no jpeg")))
    with pytest.raises(CvBridgeError, match="0 bytes"):
        BRIDGE.compressed_imgmsg_to_cv2(CompressedImage())
    with pytest.raises(CvBridgeError, match="nosuch"):
        BRIDGE.cv2_to_compressed_imgmsg(picture("bgr8"), "nosuch")
    for encoding in ("mono8", "rgb16"):
        with pytest.raises(CvBridgeError, match="only colour images of 8 bits"):
            BRIDGE.compressed_imgmsg_to_cv2(BRIDGE.cv2_to_compressed_imgmsg(picture(encoding), "png"), "rgb8")
