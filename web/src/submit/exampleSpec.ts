/** The spec that a new job starts from: small enough to end in minutes on a laptop, and a real distillation. */

export const EXAMPLE_SPEC = `version: 1
name: resnet20 teaches resnet8 on digits
models:
  teacher: {model: resnet20}
  student: {model: resnet8}
data:
  train: {dataset: digits, split: train}
  test: {dataset: digits, split: test}
stages:
  - name: teach
    student: teacher
    train: train
    validate_on: test
    epochs: 10
    batch_size: 64
    objective:
      ce: {method: ce}
    optimizer: {optimizer: sgd, lr: 0.1, momentum: 0.9, weight_decay: 0.0005}
    schedule: {schedule: cosine}
  - name: distil
    student: student
    teachers: [teacher]
    objective:
      ce: {method: ce, weight: 0.1}
      kd: {method: kd, weight: 0.9, params: {temperature: 4}}
evaluation:
  stream: test
  metrics: [accuracy, nll, agreement]
`;
