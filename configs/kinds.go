package configs

import (
	"path/filepath"
	"reflect"

	"go.yaml.in/yaml/v3"
)

// The kinds of configuration files.
const (
	KindMain    = "main file"
	KindJail    = "jail"
	KindAgents  = "user agents"
	KindNumbers = "numbers"
)

// KindOf says what kind of file is at path: the kind that knows most of its keys. If no key
// is known, the file is a jail, unless it has the name of the main file. An error is a
// Problem.
func KindOf(path string) (kind string, err error) {
	data, err := read(path)
	if err != nil {
		return "", err
	}
	if filepath.Base(path) == filepath.Base(DefaultMain) {
		return KindMain, nil
	}
	var doc yaml.Node
	if yaml.Unmarshal(data, &doc) != nil || len(doc.Content) == 0 || doc.Content[0].Kind != yaml.MappingNode {
		return KindJail, nil
	}
	most := 0
	for _, k := range []struct {
		name string
		of   reflect.Type
	}{{KindJail, reflect.TypeFor[Jail]()}, {KindMain, reflect.TypeFor[Main]()}, {KindAgents, reflect.TypeFor[agentFile]()}, {KindNumbers, reflect.TypeFor[Numbers]()}} {
		known, n := keysOf(k.of), 0
		for i := 0; i < len(doc.Content[0].Content); i += 2 {
			if _, ok := find(known, doc.Content[0].Content[i].Value); ok {
				n++
			}
		}
		if n > most {
			kind, most = k.name, n
		}
	}
	if most == 0 {
		return KindJail, nil
	}
	return kind, nil
}
