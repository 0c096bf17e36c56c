package store_test

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"pbxjail/jails/store"
)

// Open opens a ledger, or makes a new one. Notes says what happened to a damaged one.
func ExampleOpen() {
	folder, err := os.MkdirTemp("", "ledger")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(folder)
	ledger, notes, err := store.Open(filepath.Join(folder, "pbxjail.db"), time.Now())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer ledger.Close()
	fmt.Printf("moved aside: %q\n", notes.Aside)
	// Output: moved aside: ""
}
