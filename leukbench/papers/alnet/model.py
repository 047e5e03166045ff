"""ALNet and the networks that its authors compare it with. Table and section numbers are those of the paper."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from torch import nn

from leukbench.blocks import Classifier, keras_batch_norm_, keras_init_, make_backbone
from leukbench.errors import InputError

_WIDTHS = (32, 64, 128)  # Table 2: filters of the convolutions in cluster layers 1, 2 and 3
_DENSE = 128  # Table 2, Dense


def alnet(n_classes: int, *, input_px: int, pretrained: bool = False, dropout: float = 0.2) -> nn.Module:
    """Return ALNet (Table 2): 535,010 trainable parameters at 224 px and 2 classes. ``pretrained`` changes nothing.

    Each pair of stacked 2 × 2 max-pools is one 4 × 4 max-pool before the ReLU, which gives the same values bit for bit
    (a maximum of maxima; 46 // 2 // 2 = 46 // 4; ReLU is monotonic) in less time; :func:`alnet_as_printed` has them
    layer by layer. Raises InputError where the images are too small for five valid convolutions.
    """
    return _alnet(n_classes, input_px=input_px, dropout=dropout, cluster_end=_relu_after_one_pool)


def alnet_as_printed(n_classes: int, *, input_px: int, pretrained: bool = False, dropout: float = 0.2) -> nn.Module:
    """Return ALNet with the layers of Table 2 one by one; its state fits :func:`alnet`, and so do its outputs."""
    return _alnet(n_classes, input_px=input_px, dropout=dropout, cluster_end=_relu_before_two_pools)


def _alnet(
    n_classes: int, *, input_px: int, dropout: float, cluster_end: Callable[[str], list[tuple[str, nn.Module]]]
) -> nn.Module:
    side = _last_side(input_px)  # Table 2: 3 at 224 px
    one, two, three = _WIDTHS
    features: OrderedDict[str, nn.Module] = OrderedDict(
        [
            ("conv2d", nn.Conv2d(3, one, 5)),  # (32, 220, 220)
            ("relu", nn.ReLU(inplace=True)),
            ("conv2d_1", nn.Conv2d(one, one, 5)),  # (32, 216, 216)
            *cluster_end("0"),  # (32, 54, 54)
            ("batch_normalization", nn.BatchNorm2d(one)),
            ("conv2d_2", nn.Conv2d(one, two, 5)),  # (64, 50, 50)
            ("relu_2", nn.ReLU(inplace=True)),
            ("conv2d_3", nn.Conv2d(two, two, 5)),  # (64, 46, 46)
            *cluster_end("1"),  # (64, 11, 11)
            ("batch_normalization_1", nn.BatchNorm2d(two)),
            ("conv2d_4", nn.Conv2d(two, three, 5)),  # (128, 7, 7)
            ("max_pooling2d_4", nn.MaxPool2d(2)),  # (128, 3, 3); before the ReLU, which is the same and less work
            ("relu_4", nn.ReLU(inplace=True)),
            ("batch_normalization_2", nn.BatchNorm2d(three)),
            ("flatten", nn.Flatten()),  # (1152,)
        ]
    )
    head: OrderedDict[str, nn.Module] = OrderedDict(
        [
            ("dropout", nn.Dropout(dropout)),
            ("dense", nn.Linear(three * side * side, _DENSE)),
            ("relu", nn.ReLU(inplace=True)),
            ("dense_1", nn.Linear(_DENSE, n_classes)),
        ]
    )
    network = Classifier(nn.Sequential(features), nn.Sequential(head))
    return keras_batch_norm_(keras_init_(network))


def _relu_after_one_pool(cluster: str) -> list[tuple[str, nn.Module]]:
    return [(f"pool_{cluster}", nn.MaxPool2d(4)), (f"pool_{cluster}_relu", nn.ReLU(inplace=True))]


def _relu_before_two_pools(cluster: str) -> list[tuple[str, nn.Module]]:
    first, second = nn.MaxPool2d(2), nn.MaxPool2d(2)
    return [(f"pool_{cluster}_relu", nn.ReLU()), (f"pool_{cluster}_a", first), (f"pool_{cluster}_b", second)]


def _last_side(input_px: int) -> int:
    side = (((input_px - 8) // 4 - 8) // 4 - 4) // 2
    if side < 1:
        raise InputError(
            "ALNet's five valid 5 x 5 convolutions leave nothing of so small an image",
            where="leukbench/papers/alnet/model.py",
            expected="input_px of at least 136",
            found=str(input_px),
            do="use the paper's 224",
        )
    return side


def alexnet(n_classes: int, *, input_px: int, pretrained: bool) -> nn.Module:
    """Return AlexNet with its last fully connected layer replaced (Section 2.2); ``input_px`` is free."""
    return _transfer("alexnet", n_classes, pretrained=pretrained)


def vgg16(n_classes: int, *, input_px: int, pretrained: bool) -> nn.Module:
    """Return VGG16 with its last fully connected layer replaced (Section 2.2); ``input_px`` is free from 224 up."""
    return _transfer("vgg16", n_classes, pretrained=pretrained)


def googlenet(n_classes: int, *, input_px: int, pretrained: bool) -> nn.Module:
    """Return GoogLeNet, no auxiliary classifiers, with its last layer replaced (Section 2.2); ``input_px`` is free."""
    return _transfer("googlenet", n_classes, pretrained=pretrained)


def resnet50(n_classes: int, *, input_px: int, pretrained: bool) -> nn.Module:
    """Return ResNet-50 with its last fully connected layer replaced (Section 2.2); ``input_px`` is free."""
    return _transfer("resnet50", n_classes, pretrained=pretrained)


def _transfer(name: str, n_classes: int, *, pretrained: bool) -> nn.Module:
    backbone, n_features = make_backbone(name, pretrained=pretrained, features="penultimate")
    return Classifier(backbone, nn.Linear(n_features, n_classes))
