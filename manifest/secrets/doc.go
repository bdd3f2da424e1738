// Package secrets finds what looks like a credential in the bytes of a file.
//
// It is a small list, for a guard that people meet on every push: docs/secrets.md
// has every rule. Tokens whose issuers gave them a prefix are told by their
// documented form; values that are assigned to a name such as password are told
// by how random they look; documentation's placeholders are neither.
//
// The list is our own because the libraries that have one are programs first:
// the detector of gitleaks brings a config reader with state of its own for the
// whole process, archive readers and a terminal toolkit, and it runs some 150
// regular expressions. What is wanted here is one pass, whose time is linear in
// the size of any input and whose answer never holds a secret. Who needs more
// runs such a program before committing.
package secrets
