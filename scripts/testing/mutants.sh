#!/usr/bin/env bash
# Change the money code one operator, number or argument at a time and see whether its tests notice.
#
#   scripts/testing/mutants.sh [NAME ...]     all mutants, or those whose names match: 'trader.trading.ledger.*'
#
# Works on a copy, which stays for `mutmut show`; the checkout is only read. PROCESSES says how many run at a time.
# In the copy the package is called `trader`: mutmut takes a folder `src` for what holds packages, not for one.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

python="$PWD/.venv/bin/python"
copy="$(mktemp -d "${TMPDIR:-/tmp}/mutants-XXXXXX")"
cp -R tests config pyproject.toml "$copy"
cp -R src "$copy/trader"
cp scripts/testing/mutants.cfg "$copy/setup.cfg"
cd "$copy"

# The same examples for every mutant, and no search for a smaller one: it is enough that a test fails.
sed -i.bak 's/^from hypothesis import settings$/from hypothesis import Phase, settings/' tests/conftest.py
cat >>tests/conftest.py <<'EXAMPLES'

settings.register_profile("mutants", parent=settings.get_profile("ci"), phases=[Phase.explicit, Phase.generate])
EXAMPLES
find trader tests -name '*.py' -exec sed -E -i.bak \
    -e 's/^( *)(from|import) src([. ])/\1\2 trader\3/' -e 's/"src\./"trader./g' {} +
find . \( -name '*.bak' -o -name __pycache__ \) -prune -exec rm -rf {} +

# Real candles and the trader's own trial ledger have no part in this.
unset MARKET_DATA_DIR
export TRADER__BACKTEST__TRIALS="$copy/trials"

"$python" -m mutmut run ${PROCESSES:+--max-children "$PROCESSES"} "$@"
"$python" -m mutmut results --all true >results.txt

awk '
    NF >= 2 && $1 ~ /:$/ && $2 != "not" {
        name = $1; sub(/\.x[^.]*$/, "", name); sub(/^trader\./, "", name)
        modules[name]; seen[name, $2]++; seen["all", $2]++
    }
    function line(name) {
        return sprintf("%-28s %8d %9d %9d", name, seen[name, "killed"], seen[name, "survived"], seen[name, "timeout"])
    }
    END {
        printf "%-28s %8s %9s %9s\n", "module", "killed", "survived", "timeout"
        fflush()
        for (name in modules) print line(name) | "sort"
        close("sort")
        print line("all")
    }
' results.txt
grep -v -e ': killed$' -e ': not checked$' results.txt || true
printf 'see one: cd %s && %s -m mutmut show NAME\n' "$copy" "$python"
