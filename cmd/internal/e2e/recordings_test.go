package e2e

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// scriptOld is "old FOLDER": files below it whose name has a date were written 100 days ago.
// $TODAY is the date of today.
func scriptOld(ts *testscript.TestScript, _ bool, args []string) {
	ts.Setenv("TODAY", time.Now().UTC().Format(time.DateOnly))
	at := time.Now().AddDate(0, 0, -100)
	ts.Check(filepath.WalkDir(ts.MkAbs(args[0]), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.Contains(d.Name(), "-2020") {
			return err
		}
		return os.Chtimes(path, at, at)
	}))
}

// scriptEvil is "evil FOLDER": a recording there has a name that clears the screen of a
// terminal, sets its title, and breaks the line.
func scriptEvil(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(os.WriteFile(filepath.Join(ts.MkAbs(args[0]), "out-\x1b[2J\x1b]0;x\a\r\n\u202e\x9b-1.wav"), nil, 0o600))
}
