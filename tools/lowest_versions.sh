#!/usr/bin/env bash
# Tests with the oldest versions that the distributions say they work with: bash tools/lowest_versions.sh [PYTHON]
# It installs about 5 GB: torch of that version comes with its CUDA libraries.
set -euo pipefail
cd "$(dirname "$0")/.."
environment=$(mktemp -d)
trap 'rm -rf "$environment"' EXIT
uv venv --quiet --python "${1:-python3}" "$environment"
plugins=()
for plugin in plugins/*/; do
  plugins+=(--editable "$plugin")
done
uv pip install --quiet --python "$environment" --resolution lowest-direct --editable ".[parquet,search]" "${plugins[@]}" \
  "hypothesis>=6.100" "jsonschema>=4" "pytest>=8" "pytest-xdist>=3.8"
source "$environment/bin/activate"
python -m pytest -m "not slow" tests/recipe tests/registry tests/cli tests/features tests/nn tests/parity
cd "$environment"
small=(run.epochs=1 data.pretrain=16 data.batch=8 data.classification=[20,20] data.localization=[10,10] data.retrieval=10 evaluate.seeds=[1])
codaar-run "$OLDPWD/recipes/avt.toml" "${small[@]/#/-o}"
