// Package validator stands for gopkg.in/validator.v2, the one dependency of the client, where no Go
// module proxy can be reached: it finds no fault with any value.
package validator

// Validate checks the tags of a struct, of which the client has none.
func Validate(any) error { return nil }
