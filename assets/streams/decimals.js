// @ts-check
/** Decimals, exactly as Python has them: a row holds one as a text, such as "12.50". */

const FORM = /^\s*([+-]?)(\d*)(?:\.(\d*))?(?:e([+-]?\d{1,3}))?\s*$/i;

export class Decimal {
  /** @param {bigint} units @param {number} scale how many of its digits are decimals */
  constructor(units, scale) {
    this.units = units;
    this.scale = scale;
  }

  /** @param {any} value @returns {Decimal | null} nothing of what is no finite number */
  static of(value) {
    if (value instanceof Decimal) return value;
    if (typeof value !== "string" && typeof value !== "number") return null;
    const [, sign, whole = "", fraction = "", power = "0"] = FORM.exec(String(value)) ?? [];
    if (sign === undefined || !(whole + fraction)) return null;
    const scale = fraction.length - Number(power);
    const units = BigInt(sign + whole + fraction);
    return scale < 0 ? new Decimal(units * 10n ** BigInt(-scale), 0) : new Decimal(units, scale);
  }

  /** @param {number} scale not lower than its own @returns {bigint} its units with so many decimals */
  at(scale) {
    return this.units * 10n ** BigInt(scale - this.scale);
  }

  /** @param {Decimal} other */
  plus(other) {
    const scale = Math.max(this.scale, other.scale);
    return new Decimal(this.at(scale) + other.at(scale), scale);
  }

  negated() {
    return new Decimal(-this.units, this.scale);
  }

  /** @param {Decimal} other */
  times(other) {
    return new Decimal(this.units * other.units, this.scale + other.scale);
  }

  /** Lower, equal or higher: a number below, of or above zero. @param {Decimal} other */
  compare(other) {
    const scale = Math.max(this.scale, other.scale);
    const [a, b] = [this.at(scale), other.at(scale)];
    return a < b ? -1 : Number(a > b);
  }

  /** Half of the last decimal is rounded away from zero. @param {number} scale how many decimals it has at most */
  rounded(scale) {
    if (this.scale <= scale) return this;
    const unit = 10n ** BigInt(this.scale - scale);
    const size = ((this.units < 0n ? -this.units : this.units) + unit / 2n) / unit;
    return new Decimal(this.units < 0n ? -size : size, scale);
  }

  /** @param {number} scale how many decimals it has at least */
  text(scale = 0) {
    const wanted = Math.max(scale, this.scale);
    const units = this.at(wanted);
    const digits = String(units < 0n ? -units : units).padStart(wanted + 1, "0");
    const whole = (units < 0n ? "-" : "") + digits.slice(0, digits.length - wanted);
    return wanted ? `${whole}.${digits.slice(-wanted)}` : whole;
  }

  toString() {
    return this.text();
  }
}
