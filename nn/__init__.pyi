from .backends import choose_backend, make_transforms
from .band_curve import BandCurve, BandSpectra, halving
from .budget import Budget
from .cli import nn_command, ntk_command
from .deep import DeepNetwork
from .device import training_memory
from .draws import predict_draws
from .fourier_sum import FourierSum
from .jacobian_products import ModuleKernel, module_kernel
from .joint_kernel import JointInfiniteKernel, JointKernel
from .kept_network import KeptNetwork
from .krylov_curve import ACCURACY
from .linearised import LinearisedPath, LinearisedTraining, PointPrediction, linearised_training
from .minibatches import MinibatchSpread
from .minibatches_stage import predict_minibatches
from .module_prediction import predict_module
from .network import FourierNetwork
from .network_files import load, save
from .noise_level import estimate_noise_level, with_noise_level
from .noise_response import NoiseResponse
from .ntk import EmpiricalKernel, InfiniteWidthKernel, KernelAt, gauss_newton_shift, largest_eigenvalue
from .planned_steps import planned_schedule
from .predict import PredictedValues, predict
from .predicted_curve import LOSS_FLOOR, LOSS_ROUNDING, PredictedCurve
from .recorder import Recorder
from .run import run_nn, run_ntk
from .runge_kutta import RUNGE_KUTTA
from .siren import SirenNetwork
from .snapshot import TrainingSnapshot
from .step_rules import GRADIENT_DESCENT, StepRule, step_rule
from .trace import Trace
from .training import train, trajectory
from .training_plan import TrainingPlan, plan_training

__all__ = [
    "ACCURACY",
    "GRADIENT_DESCENT",
    "LOSS_FLOOR",
    "LOSS_ROUNDING",
    "RUNGE_KUTTA",
    "BandCurve",
    "BandSpectra",
    "Budget",
    "DeepNetwork",
    "EmpiricalKernel",
    "FourierNetwork",
    "FourierSum",
    "InfiniteWidthKernel",
    "JointInfiniteKernel",
    "JointKernel",
    "KeptNetwork",
    "KernelAt",
    "LinearisedPath",
    "LinearisedTraining",
    "MinibatchSpread",
    "ModuleKernel",
    "NoiseResponse",
    "PointPrediction",
    "PredictedCurve",
    "PredictedValues",
    "Recorder",
    "SirenNetwork",
    "StepRule",
    "Trace",
    "TrainingPlan",
    "TrainingSnapshot",
    "choose_backend",
    "estimate_noise_level",
    "gauss_newton_shift",
    "halving",
    "largest_eigenvalue",
    "linearised_training",
    "load",
    "make_transforms",
    "module_kernel",
    "nn_command",
    "ntk_command",
    "plan_training",
    "planned_schedule",
    "predict",
    "predict_draws",
    "predict_minibatches",
    "predict_module",
    "run_nn",
    "run_ntk",
    "save",
    "step_rule",
    "train",
    "training_memory",
    "trajectory",
    "with_noise_level",
]
