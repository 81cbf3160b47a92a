// Package evidence turns the evidence of a run into files: HTML that opens without
// a network and prints, JSON and CSV, each signed or covered by a signature.
//
// What a signature proves is that a file is as the holder of the key made it, byte
// for byte. It does not prove that what people wrote is true, nor that the key was
// in good hands: whoever reads the data folder can sign.
package evidence
