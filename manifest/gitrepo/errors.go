package gitrepo

// hintedError is an error with advice for people.
type hintedError struct {
	error
	hint string
}

// Unwrap returns the error.
func (e *hintedError) Unwrap() error { return e.error }

// Hint says what to do.
func (e *hintedError) Hint() string { return e.hint }
