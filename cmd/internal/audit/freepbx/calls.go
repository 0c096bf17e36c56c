package freepbx

import (
	"encoding/csv"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"pbxjail/cmd/internal/audit"
	"pbxjail/cmd/internal/findings"
	"pbxjail/configs/asterisk"
	"pbxjail/configs/show"
)

type fsEntry = fs.DirEntry

const (
	masterFile = "/var/log/asterisk/cdr-csv/Master.csv"
	mostMaster = 256 << 20
)

// calls looks for calls to the number that an attack of August 2025 called to try the
// machine. It is no sign where the dialplan has the number.
func calls(m *audit.Machine) (list []findings.Finding) {
	if _, other := look(m); other != nil {
		return nil // the first check says it
	}
	known := knownSigns()
	var evidence []string
	looked, total := []string{}, 0
	var failed error
	_, _, err := eachLine(m, masterFile, mostMaster, func(at int, line string) {
		if dialled, when, ok := callOf(line); ok && dialled == known.Number {
			total++
			evidence = append(evidence[:min(len(evidence), mostUnread)], fmt.Sprintf("%s:%d: on %s", masterFile, at, show.Flat(when, 40)))
		}
	})
	switch {
	case err == nil:
		looked = append(looked, masterFile)
	case !missing(err):
		failed = err
	}
	rows, err := ask(m, "SELECT COUNT(*), COALESCE(MIN(calldate),''), COALESCE(MAX(calldate),'') FROM asteriskcdrdb.cdr WHERE dst='"+known.Number+"'")
	switch {
	case err == nil && len(rows) == 1 && len(rows[0]) == 3:
		looked = append(looked, "table cdr")
		if n, _ := strconv.Atoi(rows[0][0]); n > 0 {
			total += n
			evidence = append(evidence, fmt.Sprintf("table cdr: %s, from %s to %s", show.Count(n, "call"), show.Flat(rows[0][1], 24), show.Flat(rows[0][2], 24)))
		}
	case err != nil && len(looked) == 0:
		failed = err
	}
	if at := extension(m, known.Number); at != "" && total > 0 {
		return append(list, findings.Finding{About: "calls", Severity: findings.Note, What: "there were calls to " + known.Number + ", as an attack of August 2025 made; this machine has the extension, so they can be yours", Evidence: append(evidence, at), References: known.Sources[:1]})
	}
	if total > 0 {
		list = append(list, findings.Finding{
			About: "calls", Severity: findings.Risky, What: "there were calls to " + known.Number + ", as an attack of August 2025 made (CVE-2025-57819), and the dialplan has no such extension",
			Evidence: evidence, References: append([]string{"CVE-2025-57819"}, known.Sources[0]),
			Hint: "if no one of your users dialled " + known.Number + ", look at the other signs of this audit; then at the calls of the same day",
		})
	}
	if failed != nil {
		list = append(list, unseenTable(m, "calls", "whether there were calls of an attack", failed))
	}
	if len(list) == 0 && len(looked) == 0 {
		list = append(list, findings.Finding{About: "calls", Severity: findings.Unknown, What: "cannot tell whether there were calls of an attack: there are no call records", Hint: "look at the calls to " + known.Number + " by hand"})
	}
	if len(list) == 0 {
		list = append(list, findings.Finding{About: "calls", What: "no call to " + known.Number + ", which an attack of August 2025 called", Evidence: looked})
	}
	return list
}

// callOf is what a line of Master.csv says: asterisk:cdr/cdr_csv.c.
func callOf(line string) (dialled, when string, ok bool) {
	field, err := csv.NewReader(strings.NewReader(line)).Read()
	if err != nil || len(field) < 10 {
		return "", "", false
	}
	return field[2], field[9], true
}

// extension is where the dialplan has an extension; "": nowhere that can be read.
func extension(m *audit.Machine, number string) string {
	for _, folder := range asteriskFolders(m) {
		real, err := m.Path(folder)
		if err != nil {
			continue
		}
		sections, _ := asterisk.Dialplan(real)
		for _, s := range sections {
			for _, set := range s.Settings {
				name, _, _ := strings.Cut(set.Value, ",")
				if strings.EqualFold(set.Key, "exten") && strings.TrimSpace(name) == number {
					return fmt.Sprintf("[%s] of the dialplan has exten %s", show.Flat(s.Name, 60), number)
				}
			}
		}
	}
	return ""
}
