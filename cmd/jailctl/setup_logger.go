package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"

	"pbxjail/cmd/internal/program"
	"pbxjail/cmd/internal/survey"
	"pbxjail/configs/asterisk"
	"pbxjail/configs/hint"
)

const (
	securityLine = "security => security"
	backupSuffix = ".before-pbxjail" // it does not end in .conf, so that no include takes it
)

// writesSecurity reports whether Asterisk writes security events to a file.
func writesSecurity(l asterisk.Logging) bool {
	for _, c := range l.Channels {
		if c.Path != "" && c.Has(asterisk.LevelSecurity) {
			return true
		}
	}
	return false
}

// loggerSteps make Asterisk write security events. Without a place to write the line that is
// known to be right, it is advice only.
func (p *setupPlan) loggerSteps(l asterisk.Logging) {
	if p.Found.Asterisk == "" || !l.Known || writesSecurity(l) {
		return
	}
	file, line := securityPlace(l, p.Found)
	if file == "" {
		p.Advice = append(p.Advice, fmt.Sprintf("Asterisk writes no security events: write %s below [logfiles] in %s; then: asterisk -rx 'logger reload'", securityLine, l.File))
		return
	}
	p.Steps = append(p.Steps, setupStep{fmt.Sprintf("add the line %s to %s; a copy of the old file is kept as %s", securityLine, file, file+backupSuffix),
		func(context.Context) error { return insertLine(file, line, securityLine) }})
	if p.Found.Running {
		p.Steps = append(p.Steps, setupStep{"run: asterisk -rx 'logger reload'", func(ctx context.Context) error {
			_, err := program.Run(ctx, "asterisk", "-rx", "logger reload")
			return hint.Add("start Asterisk: systemctl start asterisk; then run jailctl setup again", err)
		}})
	}
}

// securityPlace is where the line goes: in front of a line of [logfiles], or, where a web
// interface generates that file, at the end of the one that it leaves to the admin (line 0).
func securityPlace(l asterisk.Logging, f survey.Found) (file string, line int) {
	if !f.Generated {
		return l.Logfiles.File, l.Logfiles.Line
	}
	if _, err := os.Stat(f.Custom); err != nil {
		return "", 0 // no file includes it then
	}
	return f.Custom, 0
}

// insertLine writes text in front of a line, counted from 1, or at the end for 0. The file
// is written in place, so that its owner and mode stay; a copy is made first. The user of
// Asterisk owns the folder, so the file is opened once: a link or a pipe that takes its name
// later gets nothing.
func insertLine(path string, at int, text string) error {
	f, err := openSettings(path)
	if err != nil {
		return err
	}
	return errors.Join(insertInto(f, at, text), f.Close())
}

// openSettings opens a file to read and write it. It follows no link, and does not wait for
// the other end of a pipe.
func openSettings(path string) (*os.File, error) {
	do := "write the line " + securityLine + " yourself below [logfiles]; then: asterisk -rx 'logger reload'"
	f, err := os.OpenFile(path, os.O_RDWR|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.ELOOP) {
		return nil, hint.New(do, path+" is a link, and setup writes through no link")
	}
	if err != nil {
		return nil, hint.Cannot(err)
	}
	var s unix.Stat_t
	err = unix.Fstat(int(f.Fd()), &s)
	if err == nil && (s.Mode&unix.S_IFMT != unix.S_IFREG || s.Nlink > 1) {
		err = hint.New(do, path+" is not a file with one name, and setup writes no other")
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func insertInto(f *os.File, at int, text string) error {
	path := f.Name()
	old, err := io.ReadAll(f)
	if err != nil {
		return hint.Cannot(err)
	}
	if err := keepCopy(f, old); err != nil {
		return err
	}
	lines := bytes.SplitAfter(old, []byte("\n"))
	var b bytes.Buffer
	for i, line := range lines {
		if i+1 == at {
			b.WriteString(text + "\n")
		}
		b.Write(line)
	}
	if at == 0 {
		if b.Len() > 0 && !bytes.HasSuffix(b.Bytes(), []byte("\n")) {
			b.WriteByte('\n')
		}
		b.WriteString(text + "\n")
	}
	_, err = f.WriteAt(b.Bytes(), 0)
	if err == nil {
		err = f.Truncate(int64(b.Len()))
	}
	if err != nil {
		return hint.Errorf("restore the old file: cp "+path+backupSuffix+" "+path+"; then check the disk: df -h "+path, "%w", hint.Cannot(err))
	}
	return nil
}

// keepCopy writes the copy with the mode of the file. An older copy stays: it is the file
// before pbxjail.
func keepCopy(of *os.File, text []byte) error {
	info, err := of.Stat()
	if err != nil {
		return hint.Cannot(err)
	}
	f, err := os.OpenFile(of.Name()+backupSuffix, os.O_CREATE|os.O_EXCL|os.O_WRONLY, info.Mode().Perm())
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return hint.Cannot(err)
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Close())
}
