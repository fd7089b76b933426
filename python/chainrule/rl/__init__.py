"""Reinforcement learning: an agent acts, the world answers with a state and a reward.   Book: §1.2, §8.4"""
from .dqn import DQN
from .environment import CleaningRobot
from .q_learning import epsilon_greedy, play, q_learning

__all__ = ["DQN", "CleaningRobot", "epsilon_greedy", "play", "q_learning"]
