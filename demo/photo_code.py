"""The same from code: what the Photo tab does, on the command line, in Python, and over this very server."""

import json

SERVER = "http://127.0.0.1:7860"
CODE = f"""```bash
python -m engine predict cat.jpg --backend openvino-int8 --cutout
python -m engine predict cat.jpg --effect blur --export coco,rle,svg --instances
python -m engine benchmark --photo cat.jpg
```
```python
from engine import Segmenter

segmentation = Segmenter.open("fastsegnet", backend="openvino-int8").predict("cat.jpg")
segmentation.found, segmentation.areas, segmentation.mask.shape

from engine.effects import apply_effect
from engine.images import read_picture
from engine.postprocess import softmax

image, probabilities = read_picture("cat.jpg").image, softmax(segmentation.logits)
blurred = apply_effect("blur", image, probabilities, segmentation.spec)
```
```python
from gradio_client import Client, handle_file

page = Client("{SERVER}")
overlay, numbers = page.predict(handle_file("cat.jpg"), "openvino-int8", api_name="/predict")
cutout = page.predict(handle_file("cat.jpg"), "openvino-int8", api_name="/cut_out")
```"""
# The browser knows best by which address it reached us.
HERE = '(window.gradio_config?.root || location.origin).replace(/[/]$/, "")'
NAME_SERVER = f"""() => {json.dumps(CODE)}.replaceAll("{SERVER}", {HERE})"""
