//go:build tools

// Pins the witness that the tests build: filippo.io/torchwood's litewitness and witnessctl.
package tools

import (
	_ "filippo.io/torchwood/cmd/litewitness"
)
