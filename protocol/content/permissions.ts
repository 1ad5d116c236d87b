/** The bits of a file's mode that a manifest carries. */

/** The owner's x bit. */
export const OWNER_EXECUTE = 0o100;
/** The part of a mode that travels: r, w and x of owner, group and others; never a set-id bit. */
export const PERMISSIONS = 0o777;
/** In every mode that says all permissions; without it a mode says only whether its owner executes it. */
export const OWNER_READ = 0o400;
