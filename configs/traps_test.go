package configs

import (
	"reflect"
	"testing"
)

func TestTraps(t *testing.T) {
	_, err := parseMain("", []byte("traps: {accounts: [9999, 0049, test, \"10 01\"], numbers: []}\n"))
	if err == nil {
		t.Error("got no error for a name with a blank")
	}
	m, err := parseMain("", []byte("traps: {accounts: [9999, 0049, test], numbers: [8999]}\n"))
	if err != nil {
		t.Fatal(err)
	}
	if want := (Traps{[]TrapName{"9999", "0049", "test"}, []TrapName{"8999"}}); !reflect.DeepEqual(m.Traps, want) {
		t.Errorf("got %+v, want %+v", m.Traps, want)
	}
	if _, err := parseMain("", []byte("traps: {accounts: [true]}\n")); err == nil {
		t.Error("got no error for a truth value")
	}
}
