package main

import (
	"os"
	"testing"
)

// TestMain gives answers room: what a test looks for is in one line. TestTable and
// the script wide.txtar are about lines that are broken.
func TestMain(m *testing.M) {
	os.Setenv("COLUMNS", "1000")
	os.Exit(m.Run())
}
