package control

import (
	"errors"
	"fmt"
	"net/http"
)

// Refusal is an error for the operator. A Handler returns one to choose the
// status of its answer, and a Client returns one for every call that failed.
type Refusal struct {
	Status int // 400, 403, 404, 409 or 500; 0: not from a daemon
	Err    error
	Advice string
}

func (r *Refusal) Error() string { return r.Err.Error() }
func (r *Refusal) Unwrap() error { return r.Err }

// Hint says what the operator can do.
func (r *Refusal) Hint() string { return r.Advice }

// Refuse makes a Refusal from what happened, as fmt.Errorf does.
func Refuse(status int, do, format string, args ...any) error {
	return &Refusal{status, fmt.Errorf(format, args...), do}
}

// statusOf is the status of an answer: 500 for an error that does not choose one.
func statusOf(err error) int {
	if r, ok := errors.AsType[*Refusal](err); ok {
		switch r.Status {
		case http.StatusBadRequest, http.StatusForbidden, http.StatusNotFound, http.StatusConflict:
			return r.Status
		}
	}
	return http.StatusInternalServerError
}

type errorAnswer struct {
	Error string `json:"error"`
	Hint  string `json:"hint"`
}
