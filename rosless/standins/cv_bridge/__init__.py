"""Stands in for `cv_bridge` (vision_opencv, ROS 2 Jazzy) where it is not installed: plain, colour and mono encodings.

Same class, signatures and results; https://docs.ros.org/en/jazzy/p/cv_bridge/ describes them. Not here: Bayer and YUV
encodings, images for display.
"""

import re

import cv2
import numpy as np
import sensor_msgs.msg

__all__ = ["CvBridge", "CvBridgeError"]

_DTYPES = {
    "8U": "uint8",
    "8S": "int8",
    "16U": "uint16",
    "16S": "int16",
    "32S": "int32",
    "32F": "float32",
    "64F": "float64",
}
_DEPTHS = {dtype: depth for depth, dtype in _DTYPES.items()}
_COLOUR_CHANNELS = {"mono": 1, "rgb": 3, "bgr": 3, "rgba": 4, "bgra": 4}
_GENERIC = re.compile(rf"({'|'.join(_DTYPES)})(?:C([1-9]\d*))?")
_COLOUR = re.compile(rf"({'|'.join(_COLOUR_CHANNELS)})(8|16)")


class CvBridgeError(TypeError):
    """An image or message that cannot be converted."""


class CvBridge:
    """Converts between sensor_msgs images and numpy arrays as OpenCV uses them.

    An array is (height, width) for one channel, else (height, width, channels), in the host's byte order.
    """

    def encoding_to_dtype_with_channels(self, encoding):
        """('uint8', 3) for 'bgr8' or '8UC3', and so on. Raises CvBridgeError for an unknown encoding."""
        if match := _COLOUR.fullmatch(encoding):
            return f"uint{match[2]}", _COLOUR_CHANNELS[match[1]]
        if match := _GENERIC.fullmatch(encoding):
            return _DTYPES[match[1]], int(match[2] or 1)
        raise CvBridgeError(f"unknown image encoding [{encoding}]")

    def dtype_with_channels_to_cvtype2(self, dtype, n_channels):
        """'8UC3' for (uint8, 3), and so on. Raises CvBridgeError for a dtype that no encoding has."""
        if dtype.name not in _DEPTHS:
            raise CvBridgeError(f"no image encoding for dtype {dtype.name}: use one of {', '.join(_DEPTHS)}")
        return f"{_DEPTHS[dtype.name]}C{n_channels}"

    def imgmsg_to_cv2(self, img_msg, desired_encoding="passthrough"):
        """The image of a sensor_msgs/Image, converted unless 'passthrough'.

        Where neither padding, byte order nor conversion ask for a copy, the array shares the message's memory.
        Raises CvBridgeError for an unknown encoding, a wrong size or a conversion that makes no sense.
        """
        dtype_name, channels = self.encoding_to_dtype_with_channels(img_msg.encoding)
        native = np.dtype(dtype_name)
        height, width, step = img_msg.height, img_msg.width, img_msg.step
        pixel = channels * native.itemsize
        if step < width * pixel:
            raise CvBridgeError(f"step {step} is less than a row of {width} pixels of {img_msg.encoding}")
        if len(img_msg.data) < height * step:
            raise CvBridgeError(f"{len(img_msg.data)} bytes of data are less than {height} rows of step {step}")
        image = np.ndarray(
            shape=(height, width) if channels == 1 else (height, width, channels),
            dtype=native.newbyteorder(">" if img_msg.is_bigendian else "<"),
            buffer=img_msg.data,
            strides=(step, pixel) if channels == 1 else (step, pixel, native.itemsize),
        )
        image = np.ascontiguousarray(image, dtype=native)
        if desired_encoding == "passthrough":
            return image
        return self._convert(image, img_msg.encoding, desired_encoding)

    def cv2_to_imgmsg(self, cvim, encoding="passthrough", header=None):
        """A sensor_msgs/Image of an array; the encoding of 'passthrough' follows from dtype and channels ('8UC3').

        Raises TypeError for what is no array, and CvBridgeError where the encoding does not fit the array.
        """
        if not isinstance(cvim, np.ndarray):
            raise TypeError(f"not a numpy array: {type(cvim).__name__}")
        if cvim.ndim not in (2, 3):
            raise CvBridgeError(f"an image has 2 or 3 dimensions, not {cvim.ndim}")
        channels = 1 if cvim.ndim == 2 else cvim.shape[2]
        cvtype = self.dtype_with_channels_to_cvtype2(cvim.dtype, channels)
        if encoding == "passthrough":
            encoding = cvtype
        elif self.encoding_to_dtype_with_channels(encoding) != (cvim.dtype.name, channels):
            raise CvBridgeError(f"encoding {encoding} does not fit an image of type {cvtype}")
        img_msg = sensor_msgs.msg.Image(height=cvim.shape[0], width=cvim.shape[1], encoding=encoding)
        if header is not None:
            img_msg.header = header
        img_msg.is_bigendian = int(cvim.dtype.str.startswith(">"))
        img_msg.step = cvim.shape[1] * channels * cvim.dtype.itemsize
        img_msg.data.frombytes(np.ascontiguousarray(cvim).reshape(-1).view(np.uint8))
        return img_msg

    def compressed_imgmsg_to_cv2(self, cmprs_img_msg, desired_encoding="passthrough"):
        """The image of a sensor_msgs/CompressedImage as it was encoded; an encoding is reached from bgr8 only.

        Raises CvBridgeError where the data are no image or cannot be converted.
        """
        data = np.frombuffer(cmprs_img_msg.data, np.uint8)
        image = cv2.imdecode(data, cv2.IMREAD_UNCHANGED) if data.size else None
        if image is None:
            raise CvBridgeError(f"{data.size} bytes of format [{cmprs_img_msg.format}] are no image")
        if desired_encoding == "passthrough":
            return image
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
            raise CvBridgeError(f"only colour images of 8 bits convert to [{desired_encoding}]: use passthrough")
        return self._convert(image, "bgr8", desired_encoding)

    def cv2_to_compressed_imgmsg(self, cvim, dst_format="jpg"):
        """A sensor_msgs/CompressedImage of an array; the format is a file extension that OpenCV can write.

        Raises TypeError for what is no array, and CvBridgeError where the format cannot hold it.
        """
        if not isinstance(cvim, np.ndarray):
            raise TypeError(f"not a numpy array: {type(cvim).__name__}")
        try:
            done, data = cv2.imencode(f".{dst_format}", cvim)
        except cv2.error as error:
            raise CvBridgeError(f"cannot write format [{dst_format}]: {error.err}") from error
        if not done:
            raise CvBridgeError(f"cannot write format [{dst_format}]")
        message = sensor_msgs.msg.CompressedImage(format=dst_format)
        message.data.frombytes(data)
        return message

    def _convert(self, image, source, target):
        """A copy of the image in another encoding: colours first, then depth (8 and 16 bits span the same range)."""
        if target in ("", source):
            return image.copy()
        source_dtype, source_channels = self.encoding_to_dtype_with_channels(source)
        target_dtype, target_channels = self.encoding_to_dtype_with_channels(target)
        source_colour, target_colour = _COLOUR.fullmatch(source), _COLOUR.fullmatch(target)
        if source_colour and target_colour:
            if source_colour[1] != target_colour[1]:
                image = cv2.cvtColor(image, _colour_code(source_colour[1], target_colour[1]))
        elif target_colour:
            raise CvBridgeError(f"[{source}] is no colour encoding, so it does not convert to [{target}]")
        elif source_channels != target_channels:
            raise CvBridgeError(f"[{source}] and [{target}] differ in channels")
        return _change_depth(image, np.dtype(source_dtype), np.dtype(target_dtype))


def _colour_code(source, target):
    names = [name.upper().replace("MONO", "GRAY") for name in (source, target)]
    return getattr(cv2, f"COLOR_{names[0]}2{names[1]}")


def _change_depth(image, source, target):
    """Cast with rounding and saturation as cv::Mat::convertTo does; what is not finite becomes the least integer."""
    if source == target:
        return image.copy()
    scale = {(1, 2): 65535 / 255, (2, 1): 255 / 65535}.get((source.itemsize, target.itemsize), 1.0)
    scaled = image * scale
    if target.kind == "f":
        return scaled.astype(target)
    limits = np.iinfo(target)
    scaled = np.where(np.isfinite(scaled), scaled, limits.min)
    return np.clip(np.rint(scaled), limits.min, limits.max).astype(target)
