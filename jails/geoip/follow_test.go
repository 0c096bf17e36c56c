package geoip

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// rename puts a file in place as Update does.
func rename(t testing.TB, path string, data []byte) {
	t.Helper()
	put(t, path+".new", data)
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

// TestSwapUnderReaders: who looks up while files come, break and go sees one of the
// good ones, always.
func TestSwapUnderReaders(t *testing.T) {
	path := filepath.Join(t.TempDir(), "country.mmdb")
	one, other := give(t, "maxmind-country"), give(t, "flat-country")
	put(t, path, one)
	tables := quiet(t, "", "", path)
	ctx, stop := context.WithCancel(t.Context())
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for ctx.Err() == nil {
				if p := tables.Place(addr("203.0.113.7")); p.Country != "NL" && p.Country != "LU" {
					t.Errorf("got %+v", p)
					return
				}
			}
		})
	}
	for i := range 60 {
		switch i % 6 {
		case 0:
			rename(t, path, other)
		case 1:
			put(t, path, nil) // truncated in place
		case 2:
			put(t, path, one[:len(one)/2])
		case 3:
			rename(t, path, one)
		case 4:
			put(t, path, []byte(strings.Repeat("rubbish", 100)))
		case 5:
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		}
		tables.Look()
	}
	stop()
	readers.Wait()
}

// TestBrokenReplacement: the table before goes on, and status reports it, until a good
// one comes.
func TestBrokenReplacement(t *testing.T) {
	good, better := give(t, "maxmind-country"), give(t, "flat-country")
	for name, spoil := range map[string]func(path string) error{
		"empty":     func(path string) error { return os.WriteFile(path, nil, 0o644) },
		"truncated": func(path string) error { return os.Truncate(path, int64(len(good)/2)) },
		"rubbish":   func(path string) error { return os.WriteFile(path, []byte("rubbish"), 0o644) },
		"silent":    func(path string) error { return os.WriteFile(path, give(t, "maxmind-anonymous"), 0o644) },
		"missing":   os.Remove,
		"a folder": func(path string) error {
			os.Remove(path)
			return os.Mkdir(path, 0o755)
		},
	} {
		for _, place := range []string{"files", "stored", "known"} {
			t.Run(name+" in "+place, func(t *testing.T) {
				dir := t.TempDir()
				path := filepath.Join(dir, "country.mmdb")
				put(t, path, good)
				var tables *Tables
				switch place {
				case "files":
					tables = quiet(t, "", "", path)
				case "stored":
					tables = quiet(t, dir, "")
				case "known":
					tables = quiet(t, "", dir)
				}
				if err := spoil(path); err != nil {
					t.Fatal(err)
				}
				for range 2 { // and it stays so
					tables.Look()
					if p := tables.Place(addr("203.0.113.7")); p.Country != "NL" {
						t.Errorf("got %+v, want what the old file said", p)
					}
				}
				problems := tables.Problems(built)
				if silent := name == "silent" && place != "files"; silent != (len(problems) == 0) {
					t.Fatalf("got problems %v", problems)
				}
				for _, p := range problems {
					if !strings.Contains(p.Error(), path+": ") || !strings.HasSuffix(p.Error(), "; the data read before, of 2026-11-01, stays in use") || p.(*Problem).Hint() == "" {
						t.Errorf("got %v, hint %q", p, p.(*Problem).Hint())
					}
				}
				os.Remove(path)
				rename(t, path, better)
				tables.Look()
				if p := tables.Place(addr("203.0.113.7")); p.Country != "LU" {
					t.Errorf("got %+v, want what the new file says", p)
				}
				if problems := tables.Problems(built); len(problems) > 0 {
					t.Errorf("got %v of a good file", problems)
				}
			})
		}
	}
}

// TestGoneFileOfAFolder: another of its kind takes its place, and nothing is missing.
func TestGoneFileOfAFolder(t *testing.T) {
	dir := folder(t, "maxmind-country")
	var reported []error
	tables := Open(Options{Stored: dir, Known: []string{}, Notify: func(_ string, err error) {
		if err != nil {
			reported = append(reported, err)
		}
	}})
	if err := os.Remove(filepath.Join(dir, "maxmind-country.mmdb")); err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(dir, "flat-country.mmdb"), give(t, "flat-country"))
	for range 2 {
		tables.Look()
		if p := tables.Place(addr("203.0.113.7")); p.Country != "LU" {
			t.Errorf("got %+v", p)
		}
	}
	if problems := append(tables.Problems(built), reported...); len(problems) > 0 || len(tables.entries) != 1 {
		t.Errorf("got problems %v and %d entries", problems, len(tables.entries))
	}
}

func TestSetFiles(t *testing.T) {
	dir := folder(t, "maxmind-country", "flat-country")
	tables := quiet(t, "", "", dir+"/maxmind-country.mmdb", dir+"/none.mmdb")
	tables.SetFiles([]string{dir + "/flat-country.mmdb"})
	if p := tables.Place(addr("203.0.113.7")); p.Country != "LU" {
		t.Errorf("got %+v", p)
	}
	if problems := tables.Problems(built); len(problems) > 0 {
		t.Errorf("got %v of files that are not wanted any more", problems)
	}
	tables.SetFiles(nil)
	if files := tables.Files(); len(files) != 1 || files[0].Path != "" {
		t.Errorf("got %+v, want the built-in table", files)
	}
}

// TestRun: a new file counts soon, wherever it is put.
func TestRun(t *testing.T) {
	stored, known := t.TempDir(), t.TempDir()
	path := filepath.Join(t.TempDir(), "mine")
	tables := quiet(t, stored, known, path)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- tables.Run(ctx) }()
	for _, step := range []struct{ path, file, country string }{
		{filepath.Join(known, "a.mmdb"), "own-nested", "IT"},
		{filepath.Join(stored, "a.mmdb"), "dbip-country", "BE"},
		{path, "maxmind-country", "NL"},
		{path, "flat-country", "LU"},
	} {
		rename(t, step.path, give(t, step.file))
		wait(t, step.country+" of "+step.path, func() bool { return tables.Place(addr("203.0.113.7")).Country == step.country })
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// TestNotify: once for each change, not for each look.
func TestNotify(t *testing.T) {
	path := filepath.Join(t.TempDir(), "country.mmdb")
	put(t, path, give(t, "maxmind-country"))
	var reported []error
	tables := Open(Options{Files: []string{path}, Stored: t.TempDir(), Known: []string{}, Notify: func(_ string, err error) { reported = append(reported, err) }})
	look := func() { tables.Look(); tables.Look() }
	look()
	put(t, path, nil)
	look()
	put(t, path, give(t, "flat-country"))
	look()
	if len(reported) != 3 || reported[0] != nil || reported[1] == nil || reported[2] != nil {
		t.Errorf("got %v, want good, bad, good", reported)
	}
}

func wait(t *testing.T, what string, so func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	limit := time.NewTimer(30 * time.Second)
	defer limit.Stop()
	for !so() {
		select {
		case <-tick.C:
		case <-limit.C:
			t.Fatalf("never came: %s", what)
		}
	}
}
