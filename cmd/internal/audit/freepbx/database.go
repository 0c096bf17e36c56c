package freepbx

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"time"

	"pbxjail/cmd/internal/audit"
	"pbxjail/cmd/internal/findings"
	"pbxjail/cmd/internal/program"
	"pbxjail/configs/hint"
	"pbxjail/configs/show"
)

const (
	askTime  = 20 * time.Second
	mostRows = 1000
)

var (
	errNoSecret = errors.New("there is no file with the user of the database that you may read")
	errRefused  = errors.New("the database refused the question")
	errOdd      = errors.New("a value in the file with the user of the database is too long, or has control characters")
	errWritable = errors.New("the file with the user of the database belongs to root, and other users can write it")
)

// client are names of the client of the database, the new one first.
var client = []string{"mariadb", "mysql"}

// ask asks the database of FreePBX with the user of freepbx.conf. The question is a constant
// of this program. The password goes to the standard input of the client, so that no list of
// processes has it, and it is in no error: what the client says is not repeated. Who can write
// that file chooses the server and may find faults of the client: so root does not run it, but
// the owner of the file.
func ask(m *audit.Machine, question string) (rows [][]string, err error) {
	if m.Run == nil {
		return nil, audit.ErrNoPrograms
	}
	options, file, err := clientOptions(m)
	if err != nil {
		return nil, err
	}
	owner, err := clientOwner(m, file)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(m.Context(), askTime)
	defer cancel()
	err = program.ErrNotInstalled
	for _, name := range client {
		var r program.Result
		r, err = m.Do(ctx, program.Command{
			Name: name, As: owner, Args: []string{"--defaults-file=/dev/stdin", "--local-infile=0", "--batch", "--skip-column-names", "--execute=" + question}, Input: []byte(options),
		})
		if errors.Is(err, program.ErrNotInstalled) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("cannot ask the database with %s: %w", name, errRefused)
		}
		if r.Status != 0 {
			return nil, hint.Add("try it by hand, with the user and the password of /etc/freepbx.conf: "+name+" asterisk", fmt.Errorf("%w (%s ended with status %d)", errRefused, name, r.Status))
		}
		return table(string(r.Out)), nil
	}
	return nil, hint.Add("install the client of the database (mariadb-client)", err)
}

// table takes what the client prints apart: a row a line, tabs between columns.
func table(text string) (rows [][]string) {
	for line := range strings.Lines(text) {
		if len(rows) == mostRows {
			break
		}
		rows = append(rows, strings.Split(strings.TrimRight(line, "\n"), "\t"))
	}
	return rows
}

// clientOptions is the file of options for the client: mysql(1) "option files".
// It also returns the file that has the values.
func clientOptions(m *audit.Machine) (text, file string, err error) {
	for _, file = range confFiles {
		user := ampSetting(m, file, "AMPDBUSER")
		if user == "" {
			continue
		}
		b := &strings.Builder{}
		b.WriteString("[client]\n")
		for _, one := range [][2]string{{"user", user}, {"password", ampSetting(m, file, "AMPDBPASS")}, {"host", ampSetting(m, file, "AMPDBHOST")}, {"port", ampSetting(m, file, "AMPDBPORT")}, {"socket", ampSetting(m, file, "AMPDBSOCK")}} {
			if odd(one[1]) {
				return "", "", errOdd
			}
			if one[1] != "" {
				b.WriteString(one[0] + "=" + optionValue(one[1]) + "\n")
			}
		}
		name := ampSetting(m, file, "AMPDBNAME")
		if name == "" {
			name = "asterisk"
		}
		if odd(name) {
			return "", "", errOdd
		}
		b.WriteString("connect_timeout=5\n[mysql]\ndatabase=" + optionValue(name) + "\n")
		return b.String(), file, nil
	}
	return "", "", errNoSecret
}

// mostValue is how long a value may be: the client reads lines of 4 KiB, and takes what comes
// behind for another option, such as one that loads a library.
const mostValue = 256

func odd(value string) bool {
	return len(value) > mostValue || strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r == 0x7f })
}

// clientOwner is who runs the client where we are root; nil: we ourselves.
func clientOwner(m *audit.Machine, file string) (*program.Owner, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	info, err := m.Stat(file)
	if err != nil {
		return nil, err
	}
	return runsAs(info)
}

func runsAs(info fs.FileInfo) (*program.Owner, error) {
	stat, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case ok && stat.Uid != 0:
		return &program.Owner{User: stat.Uid, Group: stat.Gid}, nil
	case !ok || info.Mode().Perm()&0o022 != 0:
		return nil, hint.Add("let only root write this file: chmod go-w FILE", errWritable)
	}
	return nil, nil
}

// optionValue is a value in quotes, so that it stays one value.
func optionValue(text string) string {
	text = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\r", `\r`).Replace(text)
	return `"` + text + `"`
}

// unseenTable is the finding that the database could not be asked.
func unseenTable(m *audit.Machine, about, what string, err error) findings.Finding {
	f := m.Unseen(about, what, err)
	if errors.Is(err, errNoSecret) {
		f.Hint = "run jailctl audit as root or as the user asterisk: both may read /etc/freepbx.conf"
	}
	return f
}

// administrators says who can log in to the web interface. Names that known attacks make are
// are named; all others are listed, since only the admin knows them.
func administrators(m *audit.Machine) (list []findings.Finding) {
	if _, other := look(m); other != nil {
		return nil // the first check says it
	}
	known := knownSigns()
	rows, err := ask(m, "SELECT username, IF(password_sha1 IN ('"+strings.Join(known.Hashes, "','")+"'),'known','other'), IF(INSTR(sections,'*')>0,'all','some') FROM ampusers LIMIT 500")
	if err != nil {
		return []findings.Finding{unseenTable(m, "users", "who can log in to the web interface (table ampusers)", err)}
	}
	return administratorsOf(known, rows)
}

// administratorsOf looks at rows of name, whether the password is one of an attack, and
// rights. Each user is a finding of its own, so that two audits can be compared.
func administratorsOf(known signs, rows [][]string) (list []findings.Finding) {
	if len(rows) == 0 {
		return []findings.Finding{{About: "users", Severity: findings.Note, What: "the web interface has no administrator in the table ampusers"}}
	}
	for _, row := range rows {
		if len(row) != 3 {
			continue
		}
		name := show.Word(row[0], 64)
		f := findings.Finding{
			About: "user " + name, Severity: findings.Note, What: "can log in to the web interface, with " + map[string]string{"all": "all rights", "some": "some rights"}[row[2]],
			Evidence: []string{"table ampusers: " + name},
			Hint:     "if you do not know this user, somebody broke in. To see who is new: keep the output of jailctl audit --only freepbx --json, and compare the next one with it",
		}
		sign, found := account(known.Administrators, row[0])
		switch {
		case row[1] == "known":
			f.Severity, f.What, f.Hint = findings.Broken, "somebody broke in: a user of the web interface has the password of a known attack", afterBreakIn
		case found && sign.Sure:
			f.Severity, f.What, f.Hint = findings.Broken, "somebody broke in: a known attack makes a user of the web interface with this name", afterBreakIn
		case found:
			f.Severity, f.What = findings.Risky, "known attacks use a user of the web interface with this name"
			f.Hint = "if you did not make this user, somebody broke in: " + afterBreakIn
		}
		if f.Severity > findings.Note {
			f.References = known.Sources[:2]
		}
		list = append(list, f)
	}
	return list
}
