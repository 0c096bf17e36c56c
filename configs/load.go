package configs

import (
	"errors"
	"io/fs"
)

// LoadMain reads the main file. When explicit is false the path is only where it
// would be, and a file that is not there means the built-in defaults. An error is
// a Problem or Problems: nothing of a bad file is used.
func LoadMain(path string, explicit bool) (*Main, error) {
	data, err := read(path)
	if errors.Is(err, fs.ErrNotExist) && !explicit {
		return defaultMain(), nil
	}
	if err != nil {
		return nil, err
	}
	return parseMain(path, data)
}

// parseMain decodes the text of the main file called file.
func parseMain(file string, data []byte) (*Main, error) {
	m, d := defaultMain(), newDecoder(file)
	if d.document(data, m) {
		m.validate(d)
	}
	if err := d.result(); err != nil {
		return nil, err
	}
	m.File, m.Warnings = file, d.warnings
	return m, nil
}
