"""From a task and a teacher to a trained model: settings, teacher, distillation, the loop and its runs."""
