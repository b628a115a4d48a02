/** The spec that a new job starts from: small enough to end in minutes on a laptop, and a real distillation. */

export const EXAMPLE_SPEC = `version: 1
name: resnet20 teaches resnet8 on digits
models:
  teacher: {model: resnet20}
  student: {model: resnet8}
data:
  train: {dataset: digits, split: train}
  test: {dataset: digits, split: test}
recipe:
  name: kd
  params:
    train: train
    validate_on: test
    epochs: 10
    batch_size: 64
    optimizer: {optimizer: sgd, lr: 0.1, momentum: 0.9, weight_decay: 0.0005}
    schedule: {schedule: cosine}
evaluation:
  stream: test
  metrics: [accuracy, nll, agreement]
`;
