package configs

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write what is got into the golden files: read the diff before you commit it")

// Each file under testdata/jail and testdata/main shows one rule. What must be
// said about it is at its own end: "# want" a fault, "# warn" a warning,
// "# hint" what to do; a file with neither is a good one.
func TestFiles(t *testing.T) {
	for kind, parse := range map[string]func(file string, data []byte) (Problems, error){
		"jail": func(file string, data []byte) (Problems, error) {
			jail, err := ParseJail(file, data)
			if err != nil {
				return nil, err
			}
			return jail.Warnings, nil
		},
		"main": func(file string, data []byte) (Problems, error) {
			m, err := parseMain(file, data)
			if err != nil {
				return nil, err
			}
			return m.Warnings, nil
		},
	} {
		files, err := filepath.Glob("testdata/" + kind + "/*.yaml")
		if err != nil || len(files) < 15 {
			t.Fatalf("got %d files of kind %s, %v", len(files), kind, err)
		}
		for _, file := range files {
			t.Run(kind+"/"+JailName(file), func(t *testing.T) {
				data, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				text, want := split(string(data))
				warnings, err := parse("x.yaml", []byte(text))
				got := remarks("# want ", err) + remarks("# warn ", warnings)
				if *update {
					if err := os.WriteFile(file, []byte(text+got), 0o644); err != nil {
						t.Fatal(err)
					}
				} else if got != want {
					t.Errorf("got\n%swant\n%s", got, want)
				}
			})
		}
	}
}

// split parts a file from the remarks at its end.
func split(data string) (text, remarks string) {
	for line := range strings.Lines(data) {
		if strings.HasPrefix(line, "# want ") || strings.HasPrefix(line, "# warn ") || strings.HasPrefix(line, "# hint ") {
			remarks += line
		} else {
			text += line
		}
	}
	return text, remarks
}

func remarks(lead string, err error) string {
	problems, _ := errors.AsType[Problems](err)
	var b strings.Builder
	for _, p := range problems {
		b.WriteString(lead + p.Error() + "\n# hint " + p.Hint() + "\n")
	}
	return b.String()
}
