// Package lint says what is wrong with the files of an asset before they are
// published.
//
// It is pure: what it is given is what a publish would send. The rules of the
// asset's type are those of package assettype; to them come what an agent
// that reads the files would meet: links that lead nowhere, characters that
// people do not see, credentials. [Rules] lists them all.
//
// # Severity
//
// An error is what the service refuses, or what nobody can mean: text that is
// hidden from people and not from an agent, a credential. It stops a publish.
// Everything else is a warning.
//
// # Places
//
// Lines and columns count from 1, columns in characters (Unicode code points).
// A finding about a file as a whole has neither, one about metadata has a
// JSON pointer instead of a path.
package lint
