"""Train a model: ``python train.py model=pix2pix mapping=V_to_nint``. Settings: conf/train.yaml and its groups.

``python train.py -m sweep=discriminator``, or ``-m seed=0,1,2 model.lambda_rec=10,100``, trains many runs; the same
command reads back finished runs and resumes the others.
"""

from qd_pix2pix.cli import train

if __name__ == "__main__":
    train()
