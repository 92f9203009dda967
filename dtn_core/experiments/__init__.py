"""The paper's experiments: trainings and measurements that together fill its tables."""
