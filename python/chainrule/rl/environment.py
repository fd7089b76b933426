"""A small world to act in.   Book: §1.2, Fig. 1.3 (h)"""
from __future__ import annotations

import numpy as np

from .. import check

MOVES = ((-1, 0), (1, 0), (0, -1), (0, 1))                 # up, down, left, right


class CleaningRobot:
    """A robot on a grid of dirty cells: each move costs 0.1, each cell it cleans by entering gives 1.

    Actions 0, 1, 2, 3 are up, down, left, right; a wall is not passed. The episode ends when all is clean, or
    after `limit` moves. A state is one number, that of the cell plus `cells` times the pattern of dirt.
    """
    actions = len(MOVES)

    def __init__(self, rows: int = 3, columns: int = 3, limit: int = 50) -> None:
        check.positive("CleaningRobot", rows=rows, columns=columns, limit=limit)
        self.rows, self.columns, self.limit = rows, columns, limit
        self.cells = rows * columns
        if self.cells > 20:
            raise ValueError(f"CleaningRobot: {rows} x {columns} needs at most 20 cells")
        self.states = self.cells << self.cells
        self.reset()

    def reset(self) -> int:
        """The first cell is clean and holds the robot, all others are dirty."""
        self.place, self.moves = (0, 0), 0
        self.dirt = np.ones((self.rows, self.columns), bool)
        self.dirt[0, 0] = False
        return self.state()

    def state(self) -> int:
        pattern = int(self.dirt.ravel() @ (1 << np.arange(self.cells)))
        return self.place[0] * self.columns + self.place[1] + self.cells * pattern

    def observation(self) -> np.ndarray:
        """What a net sees: which cell holds the robot, and which are dirty; float32 (2 cells,)."""
        here = np.zeros(self.cells, np.float32)
        here[self.place[0] * self.columns + self.place[1]] = 1
        return np.concatenate([here, self.dirt.ravel().astype(np.float32)])

    def step(self, action: int) -> tuple[int, float, bool]:
        """(next state, reward, whether the episode ends)."""
        if not 0 <= action < self.actions:
            raise IndexError(f"CleaningRobot: action {action} needs to be 0 to {self.actions - 1}")
        down, across = MOVES[action]
        self.place = (min(max(self.place[0] + down, 0), self.rows - 1),
                      min(max(self.place[1] + across, 0), self.columns - 1))
        reward = float(self.dirt[self.place]) - 0.1
        self.dirt[self.place] = False
        self.moves += 1
        return self.state(), reward, not self.dirt.any() or self.moves >= self.limit
