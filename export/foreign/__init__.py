"""NIR files that other tools wrote, in floating point as they are (`network`) and in Loihi's integers (`quantize`)."""
