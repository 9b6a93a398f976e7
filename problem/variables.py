"""Units and long names of the variables in all result files."""

import re

DATA = "unit of the data"
CAUSE = "(?:feature_learning|step_size|finite_width|mesh|operator)"
VARIABLES = {  # pattern of the name: units, long name. {length}: the unit of x. {1}, {2}: the groups of the pattern
    "time": ("gradient-flow time", "time"),
    "time_nn": ("gradient-flow time", "own time of the training, matched with the equation at equal loss"),
    "step_time": ("gradient-flow time", "time before and after each step of the training"),
    "position": ("{length}", "position of a sample"),
    "held_out_position": ("{length}", "position of a held-out sample"),
    "error": (DATA, "error of the network on a sample, f - f*"),
    "held_out_error": (DATA, "error on a held-out sample, f - f*"),
    "point_position": ("{length}", "position at which values are predicted"),
    "prediction": (DATA, "value of the network at a position, f"),
    "prediction_bound": (DATA, "bound of the error of the predicted values"),
    "noise_level": (DATA, "standard deviation of the noise of the training samples"),
    "clean_loss": (f"({DATA})^2", "expected loss against the labels without noise"),
    "clean_loss_standard_error": (f"({DATA})^2", "standard error of clean_loss due to random vectors"),
    "clean_loss_standard_deviation": (f"({DATA})^2", "standard deviation of clean_loss due to noise of the labels"),
    "held_out_clean_loss": (f"({DATA})^2", "expected held-out loss against the labels without noise"),
    "held_out_clean_loss_standard_deviation": (
        f"({DATA})^2",
        "standard deviation of held_out_clean_loss due to noise of the held-out labels",
    ),
    "held_out_noise": (DATA, "standard deviation of the values at held-out samples due to noise of the labels"),
    "prediction_noise": (DATA, "standard deviation of the predicted values due to noise of the labels"),
    "sample_error": (DATA, "error of the finite-element solution on a sample"),
    "draw_error": (DATA, "predicted error of a draw of the network on a sample, f - f*"),
    "draw_held_out_error": (DATA, "predicted error of a draw of the network on a held-out sample, f - f*"),
    "draw_loss": (f"({DATA})^2", "half the mean squared error of a draw, summed over channels"),
    "draw_held_out_loss": (f"({DATA})^2", "half the mean squared error of a draw on held-out samples"),
    "minibatch_error": (DATA, "predicted error on a sample for a sequence of minibatches, f - f*"),
    "minibatch_held_out_error": (DATA, "predicted error on a held-out sample for a sequence of minibatches, f - f*"),
    "minibatch_loss": (f"({DATA})^2", "half the mean squared error for a sequence of minibatches"),
    "minibatch_held_out_loss": (f"({DATA})^2", "half the mean squared held-out error for a sequence of minibatches"),
    "minibatch_loss(?:_held_out)?_(low|high)": (f"({DATA})^2", "{1} end of the band over minibatches of the loss"),
    "minibatch_loss(?:_held_out)?_in_band": ("1", "1 if the network lies in the band over minibatches"),
    "distance_from_infinite_width": ("1", "|u - u_inf| / |u(0)| of a draw, u_inf at infinite width"),
    "log_error_change": ("1", "change of ln |u| of the first draw by feature learning"),
    "seed": ("1", "seed of a draw of the network"),
    "loss": (f"({DATA})^2", "half the mean squared error, summed over channels"),
    "held_out_loss": (f"({DATA})^2", "half the mean squared error on held-out samples, summed over channels"),
    "value_mean": ("unit of the file", "mean of a channel, which standardize has subtracted; 0 if it has not"),
    "value_scale": ("unit of the file", "standard deviation of a channel, by which standardize has divided; 1 if not"),
    "position_shift": ("{length}", "shift of the positions, which center has subtracted; 0 if it has not"),
    "x([123])": ("{length}", "position of a sample on axis {1}"),
    "target": ("unit of the file", "target f*(x)"),
    "used": ("1", "1 at the points used for training"),
    "held_out": ("1", "1 at the held-out samples"),
    "nn": ("unit of the file", "what the network has learnt, f(x, t)"),
    "pde": ("unit of the file", "what the equation has learnt, f(x, t)"),
    "frequency": ("cycles/{length}", "frequency of a node"),
    "nyquist": ("cycles/{length}", "Nyquist frequency of the samples"),
    "cells": ("1", "nodes of a cell"),
    "theory": ("1/time", "learning rate of the local operator as sigma_a -> 0"),
    "kappa_(.+)_(mean|fit)": ("1/time", "{2} of the learning rate over the window, {1}"),
    "kappa_(.+)_standard_error": ("1/time", "standard error of the fitted learning rate, {1}"),
    "kappa_(.+)": ("1/time", "learning rate between two output times, {1}"),
    "relative_l2_error": ("1", "difference of network and equation, relative to the network"),
    "error_over_initial": ("1", "difference of network and equation, relative to v(0)"),
    "loss_(pde|nn|held_out|empirical|infinite_width|empirical_steps|infinite_width_steps)": (
        f"({DATA})^2",
        "half the mean squared error, {1}",
    ),
    "clean_loss_(.+)": (f"({DATA})^2", "expected loss against the labels without noise, {1}"),
    "true_clean_loss_(.+)": (f"({DATA})^2", "loss against the labels without noise, {1}"),
    "loss_held_out_(low|high)": (f"({DATA})^2", "end of the band over draws of the held-out loss, {1}"),
    "loss_(low|high)": (f"({DATA})^2", "end of the band over draws of the loss, {1}"),
    "loss(?:_held_out)?_in_band": ("1", "1 if the network lies in the band over draws"),
    "feature_learning_over_spread": (
        "1",
        "change of ln |u| by feature learning, over its standard deviation over draws",
    ),
    "loss_held_out_(.+)": (f"({DATA})^2", "half the mean squared error on held-out samples, {1}"),
    "psnr_held_out_(pde|nn)": ("dB", "peak signal-to-noise ratio on held-out samples, {1}"),
    f"held_out_({CAUSE}(?:_and_{CAUSE})*)": (
        "1",
        "part of the difference due to {1} on held-out samples",
    ),
    "psnr_(pde|nn)": ("dB", "peak signal-to-noise ratio of what has been learnt, {1}"),
    "ssim_(pde|nn)": ("1", "structural similarity of what has been learnt to the target, {1}"),
    "band_(low|high)": ("cycles/{length}", "{1} end of a band of |xi|"),
    "seconds": ("s", "time that a stage took"),
    "stage": ("1", "name of the stage"),
    "run": ("1", "folder of the run"),
    "failure": ("1", "why a stage of the run failed"),
    "design_(kind|scale|width|sigma_a|psnr)": ("see the run file", "best candidate of the stage design, {1}"),
    "norm_(pde|nn)": (f"{DATA} (cycles/{{length}})^(d/2)", "L2 norm of the spectrum in d dimensions, {1}"),
    f"({CAUSE}(?:_and_{CAUSE})*)": ("1", "part of the difference due to {1}, relative to v(0)"),
    "error_(real|imag)": (DATA, "spectrum of the error, {1} part"),
    "(.+)_(real|imag)": (DATA, "spectrum of the error, {1}, {2} part"),
}


def describe_variable(name: str, unit: str = "") -> dict[str, str]:
    """Return the attributes `units` and `long_name` of a variable in a result file.

    unit: the unit of x. Raises ValueError if VARIABLES has no entry for the name.
    """
    for pattern, words in VARIABLES.items():
        if found := re.fullmatch(pattern, name):
            groups = [group.replace("_", " ") for group in found.groups()]
            units, long_name = (text.format(name, *groups, length=unit or "unit length") for text in words)
            return {"units": units, "long_name": long_name}
    raise ValueError(f"{name}: this variable has no units and no long name; add the variable to {__name__}")
