const roles = ["viewer", "editor", "admin"];

// may reports whether somebody has a role, or one that includes it. What a role
// does not allow is not offered; the server refuses it in any case.
export const may = (who, role) => roles.indexOf(who.role) >= roles.indexOf(role);

export const mayChange = (who) => may(who, "editor");
