"""A network while it is trained: one epoch after the other, and all that a stop must not lose."""

import time

import cv2
import numpy as np
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel
from torch.utils.data import BatchSampler, DataLoader, RandomSampler

from engine.progress import Step, report
from train.data import PetPictures
from train.distributed import PartOfBatches, Processes
from train.losses import SegmentationLoss
from train.optimization import MAX_GRADIENT_NORM, frozen_blocks, make_optimizer, make_scheduler, moving_average
from train.recipe import Recipe
from train.scales import drawn_side, parse_scales, resize_images, resize_masks
from train.teacher import Teacher

RECENT = 50  # batches whose mean loss is told on the way


def in_one_thread(_: int) -> None:
    """Keeps OpenCV from starting threads in a loader process, of which there is one a core."""
    cv2.setNumThreads(0)


class Training:
    """A network, the average of its weights, the optimizer and the schedule.

    Args:
        network: on its device; what it becomes is `averaged`.
        pictures: that it learns from.
        loss: that it minimises.
        teacher: that it learns from as well, or None.
        recipe: the options of the run.
        precision: of the forward pass.
        processes: those that share the batches.
    """

    def __init__(
        self,
        network: nn.Module,
        pictures: PetPictures,
        loss: SegmentationLoss,
        teacher: Teacher | None,
        recipe: Recipe,
        precision: torch.dtype,
        processes: Processes,
    ) -> None:
        self.network = network
        self.pictures = pictures
        self.loss = loss
        self.teacher = teacher
        self.recipe = recipe
        self.device = next(network.parameters()).device
        self.precision = precision
        self.processes = processes
        self.frozen = frozen_blocks(network, recipe.freeze)
        self.average = AveragedModel(network, multi_avg_fn=moving_average(recipe.ema_decay), use_buffers=True)
        self.learner = processes.share(network)
        self.optimizer = make_optimizer(network, recipe)
        self.steps_per_epoch = len(pictures) // recipe.batch_size
        self.scheduler = make_scheduler(self.optimizer, self.steps_per_epoch, recipe)

    @property
    def averaged(self) -> nn.Module:
        """The network with averaged weights, which is what is validated and kept."""
        return self.average.module

    def state_dict(self) -> dict:
        """All that the next epoch depends on."""
        return {
            "network": self.network.state_dict(),
            "averaged": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scheduler": self.scheduler.state_dict(),
        }

    def load_state_dict(self, state: dict) -> None:
        """Goes back to where `state_dict` was called."""
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["averaged"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.scheduler.load_state_dict(state["scheduler"])

    def epoch(self, epoch: int) -> dict[str, float]:
        """One pass over the training pictures.

        Args:
            epoch: its number, from 0.

        Returns:
            `loss`, the mean of the batches'; `seconds`; `waiting`, the share of them spent until pictures came.
        """
        started, waited = time.perf_counter(), 0.0
        torch.manual_seed(self.recipe.seed + epoch)
        self.pictures.epoch = epoch
        self.network.train()
        for block in self.frozen:
            block.eval()
        scales = parse_scales(self.recipe.scales)
        losses = []
        batches = iter(self._loader(epoch))
        for number in range(self.steps_per_epoch):
            asked = time.perf_counter()
            images, masks = next(batches)
            waited += time.perf_counter() - asked
            side = drawn_side(self.recipe.size, scales, self.recipe.seed, epoch, number)
            losses.append(self._step(images.to(self.device, non_blocking=True), masks.to(self.device), side))
            report(Step(number + 1, self.steps_per_epoch, f"loss {np.mean(losses[-RECENT:]):.3f}"))
        seconds = time.perf_counter() - started
        return {"loss": self.processes.mean(float(np.mean(losses))), "seconds": seconds, "waiting": waited / seconds}

    def _loader(self, epoch: int) -> DataLoader:
        generator = torch.Generator().manual_seed(self.recipe.seed + epoch)
        order = RandomSampler(self.pictures, generator=generator)
        return DataLoader(
            self.pictures,
            batch_sampler=PartOfBatches(BatchSampler(order, self.recipe.batch_size, drop_last=True), self.processes),
            num_workers=self.recipe.workers,
            worker_init_fn=in_one_thread,
            generator=generator,
            prefetch_factor=4 if self.recipe.workers else None,
            pin_memory=self.device.type == "cuda",
        )

    def _step(self, images: torch.Tensor, masks: torch.Tensor, side: int) -> float:
        """Learns from a batch resized to `side`; its loss."""
        taught = self.teacher(images, side) if self.teacher else None
        with torch.autocast(self.device.type, self.precision, enabled=self.precision != torch.float32):
            logits = self.learner(resize_images(images, side))
        loss = self.loss(logits.float(), resize_masks(masks, side), taught)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), MAX_GRADIENT_NORM)
        self.optimizer.step()
        self.scheduler.step()
        self.average.update_parameters(self.network)
        return loss.item()
