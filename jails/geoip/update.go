package geoip

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Update is what Fetch and Put did.
type Update struct {
	Path string // of the file now in place
	New  Table
	Old  *Table // the one before; nil when there was none that could be read
	Same bool   // it is the very same: nothing was written
}

// Put checks the table in data and puts it into folder dir, under a name that says
// what it says, so that the next of its kind takes its place. A table that does not
// open, or answers nothing, changes nothing. source is for errors.
func Put(source string, data []byte, dir string) (Update, error) {
	fresh, err := open(source, data)
	if err != nil {
		return Update{}, broken(source, err)
	}
	u := Update{Path: filepath.Join(dir, fresh.says.file()), New: fresh.Table}
	u.New.Path = u.Path
	if there, err := os.ReadFile(u.Path); err == nil && bytes.Equal(there, data) {
		u.Same = true
	}
	if old, err := read(u.Path); err == nil {
		u.Old = &old.Table
	}
	if u.Same {
		return u, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return Update{}, unwritable(dir, err)
	}
	if err := replace(u.Path, data); err != nil {
		return Update{}, unwritable(dir, err)
	}
	return u, nil
}

// file is the name for a table of these kinds: country.mmdb, asn-ipv4.mmdb.
func (k kinds) file() string {
	name := strings.NewReplacer(", ", "-", " of ", "-", "IPv", "ipv").Replace(k.String())
	return name + ".mmdb"
}

func unwritable(dir string, err error) *Problem {
	p := &Problem{File: dir, What: err.Error(), Fix: "check the folder: ls -ld " + dir + "; and the space on its disk: df -h " + dir + ". Then run the command again. Or use another folder: --to FOLDER", cause: err}
	if errors.Is(err, fs.ErrPermission) {
		p.Fix = "run the command again as root, or use another folder: --to FOLDER"
	}
	return p
}

// replace writes beside the file and renames, so that a reader has the old one or
// the new one, and never a part.
func replace(path string, data []byte) error {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, ".geoip-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // it is not there any more when all went well
	defer f.Close()
	if _, err := f.Write(data); err != nil {
		return err
	}
	if err := errors.Join(f.Chmod(0o644), f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	return syncDir(dir)
}

// syncDir makes a rename last through a power cut.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return fmt.Errorf("cannot write the folder to the disk: %w", err)
	}
	return nil
}

// Fetch takes a table from a file or a URL (http, https), unpacks it where it is a
// .gz, a .tar.gz or a .tgz, and puts it into folder dir. Errors carry a hint.
func Fetch(ctx context.Context, from, dir string) (Update, error) {
	body, err := source(ctx, from)
	if err != nil {
		return Update{}, err
	}
	defer body.Close()
	data, err := unpack(body)
	if err != nil {
		return Update{}, unreadable(printable(from), err)
	}
	return Put(printable(from), data, dir)
}

func unreadable(from string, err error) *Problem {
	p := broken(from, err)
	if p.Fix == fixBroken {
		p.Fix = "download the file again: it may be broken, or a web page. --from takes a .mmdb file, unpacked or as .gz, .tar.gz or .tgz"
	}
	return p
}
