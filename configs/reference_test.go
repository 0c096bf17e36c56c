package configs

import (
	"os"
	"reflect"
	"strings"
	"testing"
	"time"
)

// described has a key of each form that Reference knows. The keys of the files are not
// held here: their fields are all there is to say.
type described struct {
	Plain  string        `yaml:"plain" default:"auto" doc:"A key with a default, and a meaning that is long enough to go on in the next line."`
	Waits  bool          `yaml:"waits" default:"false" reload:"restart" doc:"A key that waits."`
	Length time.Duration `yaml:"length" fail2ban:"findtime" default:"10m" reload:"at once" doc:"A key with another name elsewhere."`
	Must   []string      `yaml:"must" example:"[a, b]" doc:"A key that must be given."`
	May    []string      `yaml:"may" optional:"[c]" doc:"A key that may be left out."`
	Group  Slow          `yaml:"group" doc:"Keys below a key."`
	Items  []Sample      `yaml:"items" doc:"A list of keys."`
	None   []Sample      `yaml:"none" optional:"" doc:"A list that may be left out."`
}

func TestReference(t *testing.T) {
	const golden = "testdata/reference.golden"
	var b strings.Builder
	describe(&b, reflect.TypeFor[described](), "", "")
	got := b.String()
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("got\n%s\nwant what %s has: run with -update and read the diff", got, golden)
	}
}

// What the reference shows is valid, and its defaults are the defaults.
func TestReferenceIsValid(t *testing.T) {
	parts := strings.Split(Reference(), "---\n")
	if len(parts) != 3 {
		t.Fatalf("got %d parts, want one for each kind of file", len(parts))
	}
	mainPart, jailPart := parts[0], parts[1]
	if err := addAgents(map[string]Agent{}, "", []byte(parts[2])); err != nil {
		t.Error(err)
	}
	m, err := parseMain("", []byte(mainPart))
	if err != nil || !reflect.DeepEqual(m, defaultMain()) {
		t.Errorf("got %+v, %v, want %+v", m, err, defaultMain())
	}
	uncommented := mainPart
	for _, example := range []string{"# ignoreip: ", "# ignore_hosts: ", "  # ports: ", "  # allow_agents: ", "  # fqdn: ", "  # iax_from: "} {
		with := strings.Replace(uncommented, example, strings.Replace(example, "# ", "", 1), 1)
		if with == uncommented {
			t.Errorf("got no example %q", example)
		}
		uncommented = with
	}
	if m, err := parseMain("", []byte(uncommented)); err != nil || len(m.PacketRules.IAXFrom) != 1 || len(m.Ignoreip) != 2 {
		t.Errorf("examples of the main file: got %+v, %v", m, err)
	}
	got, err := ParseJail("x.yaml", []byte(jailPart))
	if err != nil {
		t.Fatal(err)
	}
	want, err := ParseJail("x.yaml", []byte(plain))
	if err != nil {
		t.Fatal(err)
	}
	want.Logs, want.Match, want.Samples, want.from = got.Logs, got.Match, got.Samples, got.from
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	// Examples that are commented out are valid as well.
	for _, example := range []string{"# ignoreip: ", "    # service: ", "    # points: "} {
		text := strings.Replace(jailPart, example, strings.Replace(example, "# ", "", 1), 1)
		if text == jailPart {
			t.Errorf("got no example %q", example)
		}
		if _, err := ParseJail("x.yaml", []byte(text)); err != nil {
			t.Errorf("%s: got %v", example, err)
		}
	}
}

// everyStruct are the structs that files set.
var everyStruct = []any{
	Main{}, GeoIP{}, Jail{}, Match{}, Slow{}, Growth{}, Evidence{}, Weights{}, MaxBantime{}, PlaceRules{}, Widen{}, Sample{},
	AgentFactors{}, agentFile{}, Agent{}, Feed{}, Fraud{}, FraudEnumeration{}, FraudSameNumber{}, FraudInternational{}, FraudSequence{}, FraudManyAddresses{},
	Numbers{}, AccessPrefix{}, Country{}, PremiumRange{}, PacketRules{}, Notify{}, Channel{}, Metrics{},
}

// Every key says what it is for, and has either a default or an example.
func TestKeysAreDocumented(t *testing.T) {
	for _, of := range everyStruct {
		for _, k := range keysOf(reflect.TypeOf(of)) {
			if doc := k.Tag.Get("doc"); !strings.HasSuffix(doc, ".") {
				t.Errorf("%T %s: got doc %q, want sentences", of, k.name, doc)
			}
			shown := 0
			for _, tag := range []string{"default", "example", "optional"} {
				if _, ok := k.Tag.Lookup(tag); ok {
					shown++
				}
			}
			nested := k.Type.Kind() == reflect.Struct || k.Type.Kind() == reflect.Slice && k.Type.Elem().Kind() == reflect.Struct
			if shown != 1 && !(nested && shown == 0) {
				t.Errorf("%T %s: got %d of default, example and optional, want one", of, k.name, shown)
			}
		}
	}
}
